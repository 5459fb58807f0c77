/** A recovery whose run died behind its rotation: it is finished, and then held against what is asked for now. */
import { equalBytes } from '@auths/core/encoding/bytes';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import type { DeviceState } from '@auths/core/attestation/device-state';
import { finishRotation } from '@auths/core/flows/finish-rotation';
import { findDevice } from '@auths/core/flows/own-devices';
import { readOwnLog } from '@auths/core/flows/seal-records';
import { didKeriOf } from '@auths/core/identifiers';
import { createSigner } from '@auths/key-store/signer';
import type { Context } from '../command.ts';
import { openKeys, signerFor, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { safeName } from '../views/layout.ts';
import { ownLog } from '../witnesses/own-log.ts';
import { sourcesHere } from './branch-sources.ts';
import { rotationPorts } from './kit-shelf.ts';
import type { NextSeed } from './next-seed.ts';
import type { Recovered, RecoverWish } from './recover-home.ts';
import { givenUp, readStanding, requireAsAsked, type StandingRotation } from './standing-rotation.ts';

/** Finishes it; null where there is none. */
export async function finishEarlier(
  context: Context,
  stores: Stores,
  next: NextSeed,
): Promise<Recovered | null> {
  const { publicKey } = createSigner(next.seed);
  const log = await ownLog(context, stores);
  for (const prefix of await log.list()) {
    const issuer = didKeriOf(prefix);
    const { verdict } = await readOwnLog({ log, engine: verifyEngine }, issuer);
    const rot = verdict.events.findLast(({ ilk }) => ilk === 'rot');
    if (rot?.keys[0] === undefined || !equalBytes(rot.keys[0], publicKey)) continue;
    const keys = await openKeys(context);
    await finishRotation(await rotationPorts(context, stores, keys), issuer);
    if ((await keys.get('identity')) === null) continue;
    const deviceDid = encodeDidKey((await signerFor(context, keys, 'device')).publicKey);
    context.note('a recovery that was interrupted is complete now');
    const standing = await readStanding(stores, prefix, await sourcesHere(stores, prefix));
    const records = [...standing.sealed.values()].filter((record) => record !== null);
    const before = new Set(standing.survey.seals.map(({ digest }) => digest));
    // Of what it sealed, the recovery itself made the link of this device and the revocation of the lost one.
    const made = [...standing.sealed].flatMap(([digest, record]) =>
      before.has(digest) ? [] : (record ?? []),
    );
    return {
      prefix,
      deviceDid,
      name: standing.devices.find(({ subject }) => subject === deviceDid)?.name ?? '',
      rotated: { sequence: rot.sequence, said: rot.said, key: publicKey, records },
      dropped: givenUp(standing),
      revoked: made.find((record) => record.type === 'revocation')?.subject ?? null,
      remotes: [],
      earlier: standing,
    };
  }
  return null;
}

/** `usage/invalid` where the recovery of an earlier run stands otherwise than asked for; `device/not-found` for a --lost that nobody knows. */
export async function requireAsWished(
  context: Context,
  { earlier, deviceDid, name, revoked }: Recovered,
  wish: RecoverWish,
): Promise<void> {
  if (earlier === null) return;
  if (name !== wish.name)
    context.note(
      `this device is called ${safeName(name)}: auths devices rename ${deviceDid} NAME changes that`,
    );
  if (wish.lost === 'none' && revoked !== null)
    context.note(
      `${revoked} was revoked as compromised by the run that was interrupted; to let it in, pair it again`,
    );
  await requireAsAsked(context, 'recovery', earlier, wish, null, lostDevice(earlier, wish.lost));
}

/** Null: none is named, or what is named was given up with its link. */
function lostDevice({ devices, survey }: StandingRotation, named: string | undefined): DeviceState | null {
  if (named === undefined || named === 'none') return null;
  const isNamed = (device: { readonly name: string; readonly subject: string }): boolean =>
    device.name === named || device.subject === named;
  const wasLinked = survey.seals.some(({ record }) => record?.type === 'link' && isNamed(record));
  return wasLinked && !devices.some(isNamed) ? null : findDevice(devices, named);
}
