/** The joiner judges who the host is before a person sees anything (docs/protocol.md, "Messages", step 4). */
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import { equalBytes } from '../encoding/bytes.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { prefixOf, type DidKeri } from '../identifiers.ts';
import { replay, type KelVerdict } from '../keri/key-state.ts';
import type { VerifyEngine } from '../ports.ts';
import { controllerOf, type P3 } from './introductions.ts';
import { hostProofMessage, type PairingKeys } from './transcript.ts';

/** A host whose log replays and whose current key made the proof. */
export interface VerifiedHost {
  readonly controllerDid: DidKeri;
  readonly signingKey: Uint8Array;
  readonly static: Uint8Array;
  readonly capabilities: readonly string[];
  /** The log as received. */
  readonly stream: Uint8Array;
  readonly kel: KelVerdict;
}

/**
 * The host's identity: `stream` is accepted as the log of `controller_did` up to the announced tip, has one current
 * key, which is host_signing_pub and made the proof over the channel. Anything else is `host-identity-invalid`.
 */
export function verifyHost(
  keys: Pick<PairingKeys, 'chanId'>,
  p3: P3,
  kelText: string,
  engine: VerifyEngine,
): VerifiedHost {
  const controllerDid = controllerOf(p3.controllerDid);
  const stream = kelBytes(kelText);
  const kel = replay(stream, { engine });
  const { state } = kel;
  const current = kel.events.at(-1)?.keys ?? [];
  if (kel.verdict !== 'accepted' || state === null) {
    throw hostInvalid(`its key event log does not verify${kel.reason === null ? '' : `: ${kel.reason}`}`);
  }
  if (state.prefix !== prefixOf(controllerDid))
    throw hostInvalid('its key event log is that of another identity');
  if (
    typeof p3.kel !== 'string' &&
    (state.said !== p3.kel.said || state.sequence !== Number.parseInt(p3.kel.s, 16))
  ) {
    throw hostInvalid('its key event log does not end where it said');
  }
  if (current.length !== 1 || !equalBytes(current[0] as Uint8Array, p3.hostSigningKey)) {
    throw hostInvalid('the announced key is not the current key of its log');
  }
  const proof = hostProofMessage(keys.chanId, p3.hostStatic, controllerDid, p3.capabilities);
  if (!verifyEd25519(engine, p3.hostSigningKey, proof, p3.proof)) {
    throw hostInvalid('its proof is not made by the current key of its log');
  }
  return {
    controllerDid,
    signingKey: p3.hostSigningKey,
    static: p3.hostStatic,
    capabilities: p3.capabilities,
    stream,
    kel,
  };
}

function kelBytes(text: string): Uint8Array {
  try {
    return utf8(text);
  } catch (cause) {
    throw new AuthsError('pairing/host-identity-invalid', 'the key event log is not CESR text', { cause });
  }
}

/** Refusal of the host's identity, with the reason. */
export function hostInvalid(why: string): AuthsError<'pairing/host-identity-invalid'> {
  return new AuthsError('pairing/host-identity-invalid', `the host cannot show who it is: ${why}`);
}
