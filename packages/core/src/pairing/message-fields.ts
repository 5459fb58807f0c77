/** Reading the members of what stands inside the envelopes, strictly. Callers wrap it all in `strictly`. */
import { fromBase64url } from '../encoding/base64url.ts';
import { parseJson, type JsonObject } from '../encoding/json.ts';
import { utf8 } from '../encoding/text.ts';
import { AuthsError, hasCode } from '../errors.ts';

/** Characters of one long member, and bytes of a whole message. */
export const MAX_DATA = 16_384;
const MAX_DEPTH = 8;
/** Ratchet ciphertexts and Noise messages are far below this; a bound before anything is decoded. */
const MAX_NAME = 4_096;

/** A message as it is sealed. */
export function encodeMessage(message: Readonly<Record<string, unknown>>): Uint8Array {
  return utf8(JSON.stringify(message));
}

/** The JSON of a message: 16 KiB and 8 levels at most, nothing doubled. */
export function readMessage(data: Uint8Array): unknown {
  return parseJson(data, { maxLength: MAX_DATA, maxDepth: MAX_DEPTH });
}

/** Its `t`. */
export function typeOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 't')
    ? (value as JsonObject)['t']
    : null;
}

/** A member that must be text. */
export function textOf(message: JsonObject, name: string, most: number = MAX_NAME): string {
  const value = message[name];
  if (typeof value !== 'string' || value.length > most) throw wrong(name);
  return value;
}

/** A member that must be true or false. */
export function flagOf(message: JsonObject, name: string): boolean {
  const value = message[name];
  if (typeof value !== 'boolean') throw wrong(name);
  return value;
}

/** A member in base64url. */
export function bytesOf(message: JsonObject, name: string, length?: number): Uint8Array {
  return fromBase64url(textOf(message, name, MAX_DATA), length);
}

/** A member that is not as it must be. */
export function wrong(name: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `$.${name}: not as the protocol says`);
}

/** Whatever is wrong with the form is one error; a record that breaks the rules of records is `attestation-invalid`. */
export function strictly<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof AuthsError)) throw cause;
    if (hasCode(cause, 'attestation/invalid')) {
      throw new AuthsError('pairing/attestation-invalid', cause.message, { cause });
    }
    throw new AuthsError(
      'pairing/protocol-violation',
      'a message of the other side is not as the protocol says',
      {
        cause,
      },
    );
  }
}
