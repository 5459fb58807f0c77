/** Attachment text made: count codes, indexed signatures, sequence numbers. */
import { base64Digit, encodeTail } from '../encoding/cesr.ts';
import { AuthsError } from '../errors.ts';

/** Count code text, for counts up to 4095. */
export function encodeCounter(code: string, count: number): string {
  if (!/^[A-Z]$/.test(code) || !Number.isInteger(count) || count < 0 || count > 4095) {
    throw new AuthsError('internal/bug', `no count code -${code} for ${count}`);
  }
  return `-${code}${base64Digit(count >> 6)}${base64Digit(count & 63)}`;
}

/** The groups in one -V frame, which counts quadlets; -0V where -V has no room. */
export function encodeFrame(groups: string): string {
  const count = groups.length / 4;
  if (count <= 4095) return encodeCounter('V', count) + groups;
  let digits = '';
  for (let shift = 24; shift >= 0; shift -= 6) digits += base64Digit((count >> shift) & 63);
  return `-0V${digits}${groups}`;
}

/** Text of one indexed signature: A when both places are the same and small, else 2A; B or 2B when `ondex` is null. */
export function encodeIndexedSignature(index: number, ondex: number | null, signature: Uint8Array): string {
  if (signature.length !== 64 || !isPlace(index) || !isPlace(ondex ?? 0)) {
    throw new AuthsError('internal/bug', 'an indexed signature has 64 bytes and places below 4096');
  }
  const tail = encodeTail(signature, 2);
  if (index < 64 && (ondex === null || ondex === index)) {
    return `${ondex === null ? 'B' : 'A'}${base64Digit(index)}${tail}`;
  }
  return `${ondex === null ? '2B' : '2A'}${twoDigits(index)}${twoDigits(ondex ?? 0)}${tail}`;
}

/** A sequence number as it stands in attachments: 0A and 16 bytes, big-endian. */
export function encodeSequence(sequence: number | bigint): string {
  const raw = new Uint8Array(16);
  let rest = BigInt(sequence);
  for (let i = 15; i >= 0; i--) {
    raw[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return `0A${encodeTail(raw, 2)}`;
}

function isPlace(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 4096;
}

function twoDigits(value: number): string {
  return base64Digit(value >> 6) + base64Digit(value & 63);
}
