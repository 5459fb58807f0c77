/**
 * SSH signatures (OpenSSH PROTOCOL.sshsig), strict: one plain Ed25519 key, one signature by it, nothing
 * after it, one spelling of the base64. What ssh-keygen writes is read and written byte for byte.
 */
import { sshsigSignedBytes } from '../crypto/domains.ts';
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import { concat } from '../encoding/bytes.ts';
import { fromBase64, toBase64 } from '../encoding/base64.ts';
import { lv, u32 } from '../encoding/framing.ts';
import { WireReader } from '../encoding/ssh-wire.ts';
import { latin1 } from '../encoding/text.ts';
import { AuthsError, isAuthsError } from '../errors.ts';
import type { VerifyEngine } from '../ports.ts';
import type { Digests } from './digests.ts';

export type SshHash = 'sha256' | 'sha512';

export interface SshSignature {
  /** 32 bytes of Ed25519. */
  readonly publicKey: Uint8Array;
  readonly namespace: string;
  readonly hash: SshHash;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** `unsupported`: an SSH signature, but by a key that is not plain Ed25519. `malformed`: anything else that is not exactly one signature. */
export type ParsedSshSignature =
  | { readonly kind: 'ok'; readonly signature: SshSignature }
  | { readonly kind: 'unsupported' | 'malformed'; readonly why: string };

export const SSH_ARMOR_BEGIN = '-----BEGIN SSH SIGNATURE-----';
const SSH_ARMOR_END = '-----END SSH SIGNATURE-----';
const MAGIC = 'SSHSIG';
const KEY_TYPE = 'ssh-ed25519';
const ARMOR_WIDTH = 70;
/** An Ed25519 signature takes about 300 bytes of armor; an RSA one of 16,384 bits fits too, to be named as unsupported. */
const ARMOR_MAX = 16 * 1024;

/** Reads an armored signature (one character a byte) with lines of any width. Never throws. */
export function parseSshSignature(armor: string): ParsedSshSignature {
  if (armor.length > ARMOR_MAX) return malformed('longer than 16 KiB');
  const alike = lastHead !== null && armor.startsWith(lastHead.text) ? readTail(lastHead, armor) : null;
  if (alike !== null) return { kind: 'ok', signature: alike };
  const match = ARMOR.exec(armor);
  if (match === null) return malformed('not an armored SSH signature');
  try {
    const blob = fromBase64((match[1] as string).replaceAll('\n', ''));
    const parsed = parseBlob(blob);
    if (parsed.kind === 'ok' && blob.length === HEAD_BYTES + TAIL_BYTES)
      lastHead = headOf(armor, parsed.signature);
    return parsed;
  } catch (error) {
    if (isAuthsError(error)) return malformed(error.message);
    throw error;
  }
}

const ARMOR = new RegExp(`^${SSH_ARMOR_BEGIN}\\n((?:[A-Za-z0-9+/=]+\\n)+)${SSH_ARMOR_END}\\n?$`);

/**
 * Signatures that one key makes for git differ only in their last 64 bytes, and a history is by few keys: where an armor
 * begins as the last good one did, only the rest of it is read.
 */
interface Head {
  /** Up to the last of these digits. */
  readonly text: string;
  readonly signature: SshSignature;
}

/** Of its 173 bytes the first 108 stand in whole groups of digits; the 65 behind them begin with the last byte of the signature's length. */
const HEAD_BYTES = 108;
const TAIL_BYTES = 65;
const ARMOR_TAIL = new RegExp(`^((?:[A-Za-z0-9+/=]+\\n)+)${SSH_ARMOR_END}\\n?$`);
let lastHead: Head | null = null;

/** Null for whatever is not plainly such a signature: the whole is then read as if it were the first. */
function readTail(head: Head, armor: string): SshSignature | null {
  const digits = ARMOR_TAIL.exec(armor.slice(head.text.length))?.[1]?.replaceAll('\n', '');
  if (digits?.length !== 88) return null;
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(digits);
  } catch {
    return null;
  }
  if (bytes.length !== TAIL_BYTES || bytes[0] !== 64) return null;
  const { publicKey, namespace, hash } = head.signature;
  return { publicKey: publicKey.slice(), namespace, hash, signature: bytes.subarray(1) };
}

/** A head of its own: what was handed out may be changed. */
function headOf(armor: string, signature: SshSignature): Head {
  let end = SSH_ARMOR_BEGIN.length;
  for (let digits = 0; digits < (HEAD_BYTES / 3) * 4; end++) if (armor[end] !== '\n') digits++;
  return {
    text: armor.slice(0, end),
    signature: { ...signature, publicKey: signature.publicKey.slice() },
  };
}

/** What the signature's key signs: "SSHSIG" || namespace || "" || hash name || H(message). */
export function sshSignedBytes(
  digests: Digests,
  namespace: string,
  hash: SshHash,
  message: Uint8Array,
): Uint8Array {
  return sshsigSignedBytes(namespace, hash, digests[hash](message));
}

/** Whether the signature is by its own key over `message` in `namespace`. Whose key that is, is another question. */
export function verifySshSignature(
  engine: VerifyEngine,
  digests: Digests,
  signature: SshSignature,
  namespace: string,
  message: Uint8Array,
): boolean {
  return (
    signature.namespace === namespace &&
    verifyEd25519(
      engine,
      signature.publicKey,
      sshSignedBytes(digests, namespace, signature.hash, message),
      signature.signature,
    )
  );
}

/** The armored file as ssh-keygen writes it: 70 columns, a line feed at the end. */
export function armorSshSignature(signature: SshSignature): Uint8Array {
  const blob = concat(
    latin1(MAGIC),
    u32(1),
    lv(
      sshPublicKeyBlob(signature.publicKey),
      signature.namespace,
      '',
      signature.hash,
      lv(KEY_TYPE, signature.signature),
    ),
  );
  const lines = toBase64(blob).match(new RegExp(`.{1,${ARMOR_WIDTH}}`, 'g')) ?? [];
  return latin1(`${SSH_ARMOR_BEGIN}\n${lines.join('\n')}\n${SSH_ARMOR_END}\n`);
}

/** string("ssh-ed25519") || string(key): the blob inside signatures, agent messages and `.pub` files. */
export function sshPublicKeyBlob(publicKey: Uint8Array): Uint8Array {
  return lv(KEY_TYPE, publicKey);
}

/** `ssh-ed25519 AAAA…`, with a comment when given: one line of a `.pub` file, without the line feed. */
export function formatSshPublicKey(publicKey: Uint8Array, comment?: string): string {
  const key = `${KEY_TYPE} ${toBase64(sshPublicKeyBlob(publicKey))}`;
  return comment === undefined ? key : `${key} ${comment}`;
}

/** The 32 bytes of a `.pub` line with any comment. Another key type or any fault: `input/malformed`. */
export function parseSshPublicKey(line: string): Uint8Array {
  const [type, body] = line.trim().split(/[ \t]+/);
  try {
    if (type !== KEY_TYPE || body === undefined) throw new Error('type');
    const blob = new WireReader(fromBase64(body));
    if (blob.text() !== KEY_TYPE) throw new Error('inner type');
    const key = blob.bytes();
    if (key.length !== 32 || !blob.isAtEnd()) throw new Error('length');
    return key;
  } catch (cause) {
    throw new AuthsError('input/malformed', 'not an ssh-ed25519 public key', { cause });
  }
}

function parseBlob(bytes: Uint8Array): ParsedSshSignature {
  const blob = new WireReader(bytes);
  if (blob.text(MAGIC.length) !== MAGIC) return malformed('no SSHSIG at the start');
  if (blob.u32() !== 1) return malformed('a version other than 1');
  const key = blob.part();
  const namespace = blob.text();
  if (blob.text() !== '') return malformed('reserved bytes');
  const hash = blob.text();
  const signature = blob.part();
  if (!blob.isAtEnd()) return malformed('bytes after the signature');
  const keyType = key.text();
  if (keyType !== KEY_TYPE) return { kind: 'unsupported', why: `a key of type ${keyType.slice(0, 40)}` };
  const publicKey = key.bytes();
  if (publicKey.length !== 32 || !key.isAtEnd()) return malformed('the key is not 32 bytes');
  if (hash !== 'sha512' && hash !== 'sha256') return malformed('a hash that is neither sha512 nor sha256');
  if (signature.text() !== KEY_TYPE) return malformed('the signature is of another type than its key');
  const raw = signature.bytes();
  if (raw.length !== 64 || !signature.isAtEnd()) return malformed('the signature is not 64 bytes');
  return { kind: 'ok', signature: { publicKey, namespace, hash, signature: raw } };
}

function malformed(why: string): ParsedSshSignature {
  return { kind: 'malformed', why };
}
