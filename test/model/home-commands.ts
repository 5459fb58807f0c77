/** What other commands do in the identity's home: finish what was begun, revoke a device. And how any command begins. */
import { finishPairings } from '../../packages/core/src/flows/finish-pairings.ts';
import { ownDevices } from '../../packages/core/src/flows/own-devices.ts';
import { revokeDevice } from '../../packages/core/src/flows/revoke-device.ts';
import type { RevocationReason } from '../../packages/core/src/attestation/attestation.ts';
import type { DidKey } from '../../packages/core/src/identifiers.ts';
import type { Clock, Signer } from '../../packages/core/src/ports.ts';
import { createFakeRandom } from '../../packages/testing/src/fake-random.ts';
import { withChannelsClosed, type LoggedDevices } from '../../apps/cli/src/home/channels.ts';
import { openHostHome, type HostHome } from './homes.ts';
import type { Process } from './scheduler.ts';
import { engine, type Actor, type World } from './world.ts';

/** Any command of the host's home that begins by finishing pairings. */
export function startFinish(
  world: World,
  actor: Actor,
  then: (home: HostHome, clock: Clock) => Promise<void> = async () => {},
): Process {
  const random = createFakeRandom(1);
  return begin(world, actor, async (process) => {
    const clock = world.scheduler.clockOf(process, actor.wall);
    const home = openHome(world, process);
    await finishPairings({ clock, random, engine, host: home.host });
    await closeChannels(home);
    await then(home, clock);
  });
}

/** `auths devices revoke`. */
export function startRevoke(world: World, actor: Actor, device: DidKey, reason: RevocationReason): Process {
  return startFinish(world, actor, async (home, clock) => {
    const { host } = home;
    await revokeDevice({ ...host, engine, clock }, host.controllerDid, { device, reason });
    await closeChannels(home);
  });
}

/** As `closeRevokedChannels` does, over these stores. */
async function closeChannels({ host, changeList }: HostHome): Promise<void> {
  const read = async (): Promise<LoggedDevices> => {
    const { devices } = await ownDevices({ ...host, engine }, host.controllerDid);
    return devices.map(({ subject, revocation }) => ({
      did: subject,
      revokedAt: revocation?.revokedAt ?? null,
    }));
  };
  await read();
  await changeList(async (listed) => {
    const closed = withChannelsClosed(listed, await read());
    return closed.every((entry, i) => entry === listed[i]) ? listed : closed;
  });
}

/** The identity's home, as this process sees it. Its key may sign links of devices that somebody agreed to. */
export function openHome(world: World, process: Process): HostHome {
  const { authority, disk, flaw, scheduler } = world;
  const home = openHostHome(scheduler, process, authority, disk, flaw, fullDisk(world));
  const { host } = home;
  const { identity } = host;
  const watched: Signer = {
    publicKey: identity.publicKey,
    sign(message) {
      const text = Buffer.from(message).toString('latin1');
      const subject = /"subject":"(did:key:\w+)"/.exec(text)?.[1];
      if (subject !== undefined && !world.consents.some(({ deviceDid }) => deviceDid === subject))
        world.faults.push('the identity signs for a device that nobody agreed to');
      return identity.sign(message);
    },
  };
  return { ...home, host: { ...host, identity: watched } };
}

/** Whether this write fails. */
export function fullDisk(world: World): () => boolean {
  return () => !world.calm && world.scheduler.dice.chance(world.scenario.fullDisk);
}

/** A command of somebody, who does nothing else meanwhile. */
export function begin(world: World, actor: Actor, main: (process: Process) => Promise<void>): Process {
  const process = world.scheduler.start(actor.name, main);
  actor.process = process;
  process.onEnd.add(() => {
    actor.process = null;
  });
  return process;
}
