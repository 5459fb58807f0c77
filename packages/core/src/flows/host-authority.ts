/** What an authority can hand to a new device, and whether this home is one at all. */
import { parseRecord, type AttestationRecord } from '../attestation/attestation.ts';
import { deviceStatus } from '../attestation/device-state.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import { AuthsError } from '../errors.ts';
import type { DidKey } from '../identifiers.ts';
import { replay, type KelVerdict } from '../keri/key-state.ts';
import { fitsPiece } from '../pairing/pieces.ts';
import type { StoredLog } from '../ports.ts';
import type { GrantingPorts, HostPorts } from './finish-pairings.ts';
import { ownDevices } from './own-devices.ts';
import type { HostIdentity } from './pairing-ports.ts';
import { isOnlyKey, KEY_NOT_IN_FORCE, readOwnLog } from './seal-records.ts';
import { sealsOf } from './seals.ts';

/** Every record of this identity that its log seals, oldest seal first, each once. */
export async function sealedRecords(ports: HostPorts, log: StoredLog): Promise<readonly AttestationRecord[]> {
  const { host, engine } = ports;
  const seals = sealsOf(replay(log.stream, { engine }).events);
  const found = new Map<string, { readonly sealedAt: number; readonly record: AttestationRecord }>();
  for (const stored of await host.records.list(host.controllerDid)) {
    const at = seals.get(stored.digest);
    if (at === undefined) continue;
    const record = parseRecord(stored.bytes);
    // Of a record that was sealed again the version of the newest seal carries the signature that counts now.
    const before = found.get(stored.digest);
    const sealedAt = stored.sealedAt ?? at;
    if (before === undefined || before.sealedAt < sealedAt) found.set(stored.digest, { sealedAt, record });
  }
  return [...found.values()].sort((a, b) => a.sealedAt - b.sealedAt).map(({ record }) => record);
}

/**
 * Throws, before any code is shown, when this home could not grant: its log does not replay, its key is not the log's
 * current one (`identity/not-authority`), its own device is not live (`device/revoked`, `device/expired`), or a sealed record is too long to be handed on.
 */
export async function requireAuthority(ports: HostPorts): Promise<void> {
  const { host, engine } = ports;
  const { log, verdict } = await readOwnLog({ log: host.log, engine }, host.controllerDid);
  if (!isOnlyKey(verdict.events.at(-1)?.keys ?? [], host.identity)) {
    throw new AuthsError(
      'identity/not-authority',
      'the identity key here is not the one that the log names now',
      {
        hint: KEY_NOT_IN_FORCE,
        details: { controller_did: host.controllerDid },
      },
    );
  }
  await requireLiveDevice(ports);
  for (const record of await sealedRecords(ports, log)) {
    if (!fitsPiece(record)) {
      throw new AuthsError(
        'pairing/payload-too-large',
        `the ${record.type} ${record.rid} is too long for pairing to hand on`,
      );
    }
  }
}

/**
 * The same once more, before anything is signed: while a person was asked another terminal may have rotated the identity, or
 * revoked this device. `again` is the command that begins anew.
 */
export async function requireStillAuthority(ports: HostPorts, again: string): Promise<void> {
  const { host, engine } = ports;
  requireNotRotated(host, (await readOwnLog({ log: host.log, engine }, host.controllerDid)).verdict, again);
  await requireLiveDevice(ports);
}

/** The key that a host opened at its start is the one of the log as it is now. */
export function requireNotRotated(host: HostIdentity, verdict: KelVerdict, again: string): void {
  if (isOnlyKey(verdict.events.at(-1)?.keys ?? [], host.identity)) return;
  throw new AuthsError(
    'identity/not-authority',
    'the identity was rotated while this command waited, so the key that it holds counts no more',
    { hint: `nothing was granted; run ${again} again`, details: { controller_did: host.controllerDid } },
  );
}

/** A joiner takes nothing from a host whose own device the log does not hold live: then no grant may be begun. */
async function requireLiveDevice({ host, engine, clock }: HostPorts): Promise<void> {
  const did = encodeDidKey(host.device.publicKey);
  const { devices } = await ownDevices({ log: host.log, records: host.records, engine }, host.controllerDid);
  const own = devices.find(({ subject }) => subject === did);
  const status = own === undefined ? 'unknown' : deviceStatus(own, clock.now());
  if (own !== undefined && own.fault === null && status === 'active') return;
  const details = { device: did };
  if (status === 'expired') {
    const hint = `auths devices extend ${did} --expires 90d`;
    throw new AuthsError('device/expired', 'this device has expired, so no other one trusts it as a host', {
      hint,
      details,
    });
  }
  if (status === 'revoked') {
    throw new AuthsError('device/revoked', 'this device was revoked, so no other one trusts it as a host', {
      hint: 'bring the identity to a new home, which makes a device of its own: auths id export --output me.auths, then AUTHS_HOME=~/.auths-new auths id recover --recovery-file KIT --from me.auths',
      details,
    });
  }
  throw new AuthsError('device/not-found', 'the log does not hold the device key of this home', {
    hint: 'auths doctor',
    details,
  });
}

/** By network the device has heard of it from this very host. */
const PAIRED_AGAIN =
  'it has made itself a new key by now: run auths pair again, and join there once more with the new code';

/** A device that was taken away comes back with a new key only: for most reasons a link to the old one would grant nothing. */
export async function requireNotRevoked(
  { host, engine }: GrantingPorts,
  device: DidKey,
  hint: string = PAIRED_AGAIN,
): Promise<void> {
  const { log, records, controllerDid } = host;
  const { devices } = await ownDevices({ log, records, engine }, controllerDid);
  const known = devices.find(({ subject }) => subject === device);
  if (known === undefined || known.revocation === null) return;
  throw new AuthsError('pairing/forbidden', `${known.name} was revoked, and its key with it`, { hint });
}
