/** The last request of this home to another one's identity, which its answer is held against. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
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

/** What takes in the answer to it. */
export const TAKE_ANSWER = 'auths devices request --answer FILE';

/** Whether a home without an identity has asked for one: nothing in it is missing, it waits. Reads nothing, for `status`. */
export function waitsForAnswer(home: string): boolean {
  return existsSync(join(home, 'journal', `${OWN_REQUEST}.json`));
}
