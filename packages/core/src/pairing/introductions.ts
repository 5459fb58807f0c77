/** P2 and P3, by which device and host introduce themselves (docs/protocol.md, "Messages"). A member too many, too few or twice is `protocol-violation`; what the values mean is judged by the machines. */
import { requireSortedCapabilities } from '../attestation/capability.ts';
import { exactObject } from '../encoding/json.ts';
import { AuthsError } from '../errors.ts';
import { parseDidKeri, parseSaid, type DidKeri, type Said } from '../identifiers.ts';
import { bytesOf, MAX_DATA, readMessage, strictly, textOf, wrong } from './message-fields.ts';

/** The device's introduction, j2h 0. */
export interface P2 {
  readonly deviceSigningKey: Uint8Array;
  /** As announced; the host compares it with the key. */
  readonly deviceDid: string;
  readonly deviceStatic: Uint8Array;
  readonly deviceName: string;
  readonly signature: Uint8Array;
  readonly proof: Uint8Array;
  readonly noise: Uint8Array;
}

/** The host's introduction, h2j 0. */
export interface P3 {
  readonly hostNonce: Uint8Array;
  readonly controllerDid: string;
  readonly hostSigningKey: Uint8Array;
  readonly hostStatic: Uint8Array;
  /** The whole log as CESR text, or its tip when the log follows in pieces. */
  readonly kel: string | { readonly s: string; readonly said: string };
  readonly capabilities: readonly string[];
  readonly proof: Uint8Array;
  readonly noise: Uint8Array;
}

const P2_MEMBERS = [
  'device_signing_pubkey',
  'device_did',
  'device_static_pubkey',
  'device_name',
  'signature',
  'proof',
  'noise',
] as const;
const P3_MEMBERS = [
  'host_nonce',
  'controller_did',
  'host_signing_pubkey',
  'host_static_pubkey',
  'capabilities',
  'proof',
  'noise',
] as const;

/** Of the data of envelope j2h 0. */
export function parseP2(data: Uint8Array): P2 {
  return strictly(() => {
    const message = exactObject(readMessage(data), P2_MEMBERS);
    return {
      deviceSigningKey: bytesOf(message, 'device_signing_pubkey', 32),
      deviceDid: textOf(message, 'device_did'),
      deviceStatic: bytesOf(message, 'device_static_pubkey', 32),
      deviceName: textOf(message, 'device_name'),
      signature: bytesOf(message, 'signature', 64),
      proof: bytesOf(message, 'proof', 64),
      noise: bytesOf(message, 'noise'),
    };
  });
}

/** Of the data of envelope h2j 0. */
export function parseP3(data: Uint8Array): P3 {
  return strictly(() => {
    const message = exactObject(readMessage(data), P3_MEMBERS, ['kel', 'kel_tip']);
    const whole = Object.hasOwn(message, 'kel');
    if (whole === Object.hasOwn(message, 'kel_tip')) throw wrong('exactly one of kel and kel_tip');
    const capabilities = message['capabilities'];
    if (!Array.isArray(capabilities) || !capabilities.every((one: unknown) => typeof one === 'string')) {
      throw wrong('capabilities');
    }
    requireSortedCapabilities(capabilities, '$.capabilities');
    return {
      hostNonce: bytesOf(message, 'host_nonce', 32),
      controllerDid: textOf(message, 'controller_did'),
      hostSigningKey: bytesOf(message, 'host_signing_pubkey', 32),
      hostStatic: bytesOf(message, 'host_static_pubkey', 32),
      kel: whole ? textOf(message, 'kel', MAX_DATA) : tip(message['kel_tip']),
      capabilities,
      proof: bytesOf(message, 'proof', 64),
      noise: bytesOf(message, 'noise'),
    };
  });
}

function tip(value: unknown): { readonly s: string; readonly said: Said } {
  const member = exactObject(value, ['s', 'said'], [], '$.kel_tip');
  const s = textOf(member, 's');
  if (!/^(?:0|[1-9a-f][0-9a-f]{0,12})$/.test(s)) throw wrong('kel_tip.s');
  return { s, said: parseSaid(textOf(member, 'said')) };
}

/** The announced controller as an identifier; opaque text that is none is `host-identity-invalid`. */
export function controllerOf(did: string): DidKeri {
  try {
    return parseDidKeri(did);
  } catch (cause) {
    throw new AuthsError('pairing/host-identity-invalid', 'the host names no valid did:keri', { cause });
  }
}
