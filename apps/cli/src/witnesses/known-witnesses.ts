/** `<home>/witnesses.json`: at which address each witness of the identity answers. The log names them by AID alone. */
import { join } from 'node:path';
import { exactObject, parseJson } from '@auths/core/encoding/json';
import { utf8 } from '@auths/core/encoding/text';
import { AuthsError, hasCode } from '@auths/core/errors';
import { parseEndpoint } from '@auths/core/pairing/endpoint';
import { corruptFile, readFileBounded, writeFileAtomic } from '@auths/key-store/atomic-file';

/** AID → origin. */
export type KnownWitnesses = ReadonlyMap<string, string>;

const MAX_FILE = 1 << 20;

/** Empty when nothing was noted; `storage/corrupt`, `storage/version`. */
export async function readWitnesses(home: string): Promise<KnownWitnesses> {
  const path = pathOf(home);
  const bytes = await readFileBounded(path, MAX_FILE);
  if (bytes === null) return new Map();
  try {
    const { v, witnesses } = exactObject(parseJson(bytes, { maxLength: MAX_FILE }), ['v', 'witnesses']);
    if (typeof v === 'number' && v !== 1) {
      throw new AuthsError('storage/version', `${path} has version ${v}, which this auths cannot read`, {
        hint: 'use a newer auths',
        details: { path, version: v },
      });
    }
    if (!Array.isArray(witnesses)) throw new AuthsError('input/malformed', '$.witnesses: not a list');
    return new Map(witnesses.map((one: unknown, index) => entryOf(one, `$.witnesses[${index}]`)));
  } catch (cause) {
    if (!hasCode(cause, 'input/malformed') && !hasCode(cause, 'pairing/malformed')) throw cause;
    throw corruptFile(path, `it is not a list of witnesses (${cause.message})`, cause);
  }
}

/** Adds addresses to those known, or changes them. */
export async function noteWitnesses(home: string, found: KnownWitnesses): Promise<void> {
  if (found.size === 0) return;
  const known = new Map([...(await readWitnesses(home)), ...found]);
  const witnesses = [...known].map(([aid, url]) => ({ aid, url }));
  await writeFileAtomic(pathOf(home), utf8(`${JSON.stringify({ v: 1, witnesses }, null, 1)}\n`));
}

function entryOf(value: unknown, path: string): readonly [string, string] {
  const { aid, url } = exactObject(value, ['aid', 'url'], [], path);
  if (typeof aid !== 'string' || typeof url !== 'string') {
    throw new AuthsError('input/malformed', `${path}: aid and url are texts`);
  }
  return [aid, parseEndpoint(url, { allowedNames: 'any' }).origin];
}

function pathOf(home: string): string {
  return join(home, 'witnesses.json');
}
