/** The last request of this home to another one's identity, which its answer is held against. */
import { exactObject, type JsonValue } from '@auths/core/encoding/json';
import { AuthsError } from '@auths/core/errors';

/** Name of the journal entry: {v: 1, request}, the file as text. */
export const OWN_REQUEST = 'request';

/** The request in that entry. */
export function parseOwnRequest(value: JsonValue): string {
  const { v, request } = exactObject(value, ['v', 'request']);
  if (v !== 1 || typeof request !== 'string') throw new AuthsError('input/malformed', 'it holds no request');
  return request;
}
