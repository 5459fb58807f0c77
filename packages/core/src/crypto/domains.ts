/**
 * Every label and every signed or hashed input of this product, in one file, so that no two of them can
 * be mistaken for each other: a signature made for one purpose never verifies for another. All signed
 * inputs but two start with LV(label); the two are foreign formats: SSHSIG (OpenSSH) and the binding message
 * (the bytes of the first Auths). A test snapshots the bytes.
 */
import { concat } from '../encoding/bytes.ts';
import { lv, u8, u32, u64 } from '../encoding/framing.ts';
import { latin1, utf8 } from '../encoding/text.ts';

/** Attestation records (docs/protocol.md, "Attestations"). */
export const ATTESTATION_LABEL = 'auths-attestation/1';
/** Additional data of the sealed recovery kit (docs/protocol.md, "Keys"). */
export const RECOVERY_LABEL = 'auths-recovery/1';
/** Identity bundles (docs/protocol.md, "Identity bundle"). */
export const BUNDLE_LABEL = 'auths-bundle/1';
/** Pairing by two files (docs/protocol.md, "Two files"): what device and identity sign, what people compare, the channel's token. */
export const REQUEST_LABELS = {
  request: 'auths-request/1',
  answer: 'auths-request/1 answer',
  fingerprint: 'auths-request/1 fingerprint',
  token: 'auths-request/1 token',
} as const;
/** Additional data of every sealed entry of keys.enc (docs/protocol.md, "Keys"). */
export const KEYS_LABEL = 'auths-keys/1';
/** Hash of the machine id that a home remembers (docs/protocol.md, "Keys"). */
export const MACHINE_LABEL = 'auths-machine/1';
/** SSHSIG namespace that git uses. */
export const GIT_NAMESPACE = 'git';
/** SSHSIG namespace of `auths sign`. */
export const ARTIFACT_NAMESPACE = 'auths-artifact';

/** Labels of auths-pair/1, each used in one place (docs/protocol.md). */
export const PAIR_LABELS = {
  password: 'auths-pair/1 w',
  claim: 'auths-pair/1 claim',
  offer: 'auths-pair/1 offer',
  commit: 'auths-pair/1 commit',
  join: 'auths-pair/1 join',
  joiner: 'auths-pair/1 joiner',
  host: 'auths-pair/1 host',
  suite: 'auths-pair/1;SPAKE2-P256-SHA256-HKDF-HMAC;Noise_XXpsk3_25519_ChaChaPoly_SHA256',
  salt: 'auths-pair/1 salt',
  /** Prefix of the HKDF-Expand labels. */
  key: 'auths-pair/1 ',
  envelope: 'auths-pair/1 env',
  deviceProof: 'auths-pair/1 device-proof',
  hostProof: 'auths-pair/1 host-proof',
  hostDevice: 'auths-pair/1 host-device',
  deviceId: 'auths-pair/1 device-id',
  hostId: 'auths-pair/1 host-id',
  sas: 'auths-pair/1 sas',
  noise: 'auths-pair/1 noise',
  ratchetRoot: 'auths-pair/1 dr-root',
  create: 'auths-pair/1 create',
} as const;

/** Labels of the Double Ratchet auths-dr/1 (docs/protocol.md, "Noise and ratchet"). */
export const RATCHET_LABELS = { rootKey: 'auths-dr/1 rk', messageKey: 'auths-dr/1 mk' } as const;

/** Labels of the device channel auths-chan/1 (docs/protocol.md, "Reconnect"). */
export const CHANNEL_LABELS = { prologue: 'auths-chan/1', psk: 'auths-chan/1 psk' } as const;

/** LV("auths-attestation/1") || LV(JCS of the record without its two signatures): signed by both keys, digested for the seal. */
export function attestationBytes(canonicalRecord: Uint8Array | string): Uint8Array {
  return lv(ATTESTATION_LABEL, canonicalRecord);
}

/** LV("auths-bundle/1") || LV(JCS of the bundle without its signature), signed by the identity key in force. */
export function bundleBytes(canonicalBundle: Uint8Array | string): Uint8Array {
  return lv(BUNDLE_LABEL, canonicalBundle);
}

/** LV("auths-request/1") || LV(JCS of the request without its proof), signed by the device key. */
export function requestBytes(canonicalRequest: Uint8Array | string): Uint8Array {
  return lv(REQUEST_LABELS.request, canonicalRequest);
}

/** LV("auths-request/1 answer") || LV(JCS of the answer without its signature), signed by the identity key in force. */
export function answerBytes(canonicalAnswer: Uint8Array | string): Uint8Array {
  return lv(REQUEST_LABELS.answer, canonicalAnswer);
}

/**
 * What an SSH signature signs (OpenSSH PROTOCOL.sshsig): "SSHSIG" || string(namespace) || string("") ||
 * string(hash name) || string(H(message)). `digest` is H(message) for the named hash.
 */
export function sshsigSignedBytes(
  namespace: string,
  hashAlgorithm: 'sha256' | 'sha512',
  digest: Uint8Array,
): Uint8Array {
  return concat(sshsigHead(namespace, hashAlgorithm), u32(digest.length), digest);
}

/** What comes before the digest is the same for every commit of a history. */
function sshsigHead(namespace: string, hashAlgorithm: string): Uint8Array {
  const key = `${hashAlgorithm} ${namespace}`;
  let head = sshsigHeads.get(key);
  if (head === undefined) {
    head = concat(latin1('SSHSIG'), lv(namespace, '', hashAlgorithm));
    if (sshsigHeads.size === 8) sshsigHeads.clear();
    sshsigHeads.set(key, head);
  }
  return head;
}

const sshsigHeads = new Map<string, Uint8Array>();

/** code || host_x25519 || device_x25519, code = canonical text of the slot's secret (docs/protocol.md, "Messages", step 2, `signature`). */
export function bindingMessage(
  canonicalCode: string,
  hostX25519: Uint8Array,
  deviceX25519: Uint8Array,
): Uint8Array {
  return concat(utf8(canonicalCode), hostX25519, deviceX25519);
}

/** LV(label) || LV(chan_id) || LV(device_static) || LV(device_did), signed by the device key (step 2, `proof`). */
export function deviceProofMessage(
  chanId: Uint8Array,
  deviceStatic: Uint8Array,
  deviceDid: string,
): Uint8Array {
  return lv(PAIR_LABELS.deviceProof, chanId, deviceStatic, deviceDid);
}

/** LV(label) || LV(chan_id) || LV(host_static) || LV(controller_did) || LV(capabilities joined by ","), signed by the current KEL key (step 3). */
export function hostProofMessage(
  chanId: Uint8Array,
  hostStatic: Uint8Array,
  controllerDid: string,
  capabilities: readonly string[],
): Uint8Array {
  return lv(PAIR_LABELS.hostProof, chanId, hostStatic, controllerDid, capabilities.join(','));
}

/** LV(label) || LV(chan_id) || LV(host_static), signed by the host's device key (docs/protocol.md, "Messages"). */
export function hostDeviceProofMessage(chanId: Uint8Array, hostStatic: Uint8Array): Uint8Array {
  return lv(PAIR_LABELS.hostDevice, chanId, hostStatic);
}

/** LV(label) || LV(registry origin) || LV(H(body)), signed by an identity key under `--require-identity`. */
export function createSessionMessage(registryOrigin: string, bodyHash: Uint8Array): Uint8Array {
  return lv(PAIR_LABELS.create, registryOrigin, bodyHash);
}

/** The AEAD's additional data of an envelope: LV(label) || LV(session_id) || u8 direction || u64 seq. */
export function envelopeAad(sessionId: Uint8Array, direction: 0 | 1, sequence: number): Uint8Array {
  return concat(lv(PAIR_LABELS.envelope, sessionId), u8(direction), u64(sequence));
}
