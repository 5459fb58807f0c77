/** What an authority can hand to a new device, and whether this home is one at all. */
import { parseRecord, type AttestationRecord } from '../attestation/attestation.ts';
import { equalBytes } from '../encoding/bytes.ts';
import { AuthsError } from '../errors.ts';
import { replay } from '../keri/key-state.ts';
import { fitsPiece } from '../pairing/pieces.ts';
import type { StoredLog } from '../ports.ts';
import type { HostPorts } from './finish-pairings.ts';
import { readOwnLog } from './seal-records.ts';
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
 * current one (`identity/not-authority`), or a sealed record is too long to be handed on.
 */
export async function requireAuthority(ports: HostPorts): Promise<void> {
  const { host, engine } = ports;
  const { log, verdict } = await readOwnLog({ log: host.log, engine }, host.controllerDid);
  const keys = verdict.events.at(-1)?.keys ?? [];
  if (keys.length !== 1 || !equalBytes(keys[0] as Uint8Array, host.identity.publicKey)) {
    throw new AuthsError(
      'identity/not-authority',
      'the identity key here is not the one that the log names now',
      {
        hint: 'Pair from the machine that holds the identity, or run auths id recover.',
        details: { controller_did: host.controllerDid },
      },
    );
  }
  for (const record of await sealedRecords(ports, log)) {
    if (!fitsPiece(record)) {
      throw new AuthsError(
        'pairing/payload-too-large',
        `the ${record.type} ${record.rid} is too long for pairing to hand on`,
      );
    }
  }
}
