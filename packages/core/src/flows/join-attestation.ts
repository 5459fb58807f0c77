/** What a joiner signs and keeps: exactly the link that was announced, by a host whose device shows its key (docs/protocol.md, "Messages", step 6). */
import type { LinkRecord, UnsignedLink } from '../attestation/attestation.ts';
import { encodeRecord, signedBytes } from '../attestation/sign.ts';
import { isStrongKey, verifyEd25519 } from '../crypto/ed25519.ts';
import { equalBytes } from '../encoding/bytes.ts';
import { decodeDidKey } from '../encoding/did-key.ts';
import { parseTime } from '../encoding/time.ts';
import { AuthsError } from '../errors.ts';
import { unexpected } from '../pairing/channel.ts';
import type { JoinerRun } from '../pairing/joiner.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../pairing/limits.ts';
import type { InnerMessage } from '../pairing/messages.ts';
import { hostDeviceProofMessage } from '../pairing/transcript.ts';
import type { VerifiedHost } from '../pairing/verify-host.ts';
import type { JoinContext } from './join-context.ts';

type Attest = Extract<InnerMessage, { readonly t: 'attest' }>;

/** Step 6: exactly the link that was announced, for this device, now, signed by the current key of the log. */
export function requireOwnLink(context: JoinContext, host: VerifiedHost, attest: Attest): UnsignedLink {
  const { attestation } = attest;
  const off = Math.abs(parseTime(attestation.timestamp) - context.clock.now()) / 1000;
  const faults = [
    attestation.issuer === host.controllerDid ? null : 'another issuer',
    attestation.subject === context.deviceDid ? null : 'another device',
    sameList(attestation.capabilities, host.capabilities) ? null : 'other capabilities than announced',
    attestation.name === context.device.name ? null : 'another name',
    off <= CLOCK_TOLERANCE_SECONDS ? null : `a time that is ${Math.round(off)} s off`,
    verifyEd25519(context.engine, host.signingKey, signedBytes(attestation), attest.identitySignature)
      ? null
      : 'no signature by the identity',
  ].filter((fault) => fault !== null);
  if (faults.length > 0) {
    throw new AuthsError('pairing/attestation-invalid', `the attestation has ${faults.join(', ')}`);
  }
  return attestation;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

/** The host's device proves that it holds its key; that its link is sealed and live is checked with the records. */
export function requireHostDevice(
  context: JoinContext,
  run: JoinerRun,
  host: VerifiedHost,
  attest: Attest,
): void {
  const key = decodeDidKey(attest.hostDeviceDid);
  const proof = hostDeviceProofMessage(run.keys.chanId, host.static);
  if (!isStrongKey(key) || !verifyEd25519(context.engine, key, proof, attest.hostDeviceProof)) {
    throw new AuthsError('pairing/host-identity-invalid', "the host's own device cannot show its key");
  }
}

/** Step 8: the same link, with both signatures, and this device's own id. */
export function requireSame(
  run: JoinerRun,
  paired: Extract<InnerMessage, { readonly t: 'paired' }>,
  link: LinkRecord,
): void {
  if (!equalBytes(encodeRecord(paired.attestation), encodeRecord(link))) {
    throw new AuthsError(
      'pairing/attestation-invalid',
      'the attestation is not the one that both sides signed',
    );
  }
  if (!equalBytes(paired.deviceId, run.deviceId)) throw unexpected();
}
