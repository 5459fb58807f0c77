/** ssh-keygen as the measure of our signatures. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { keyOfSeed, type PaperKey } from '../../../testing/src/paper-identity.ts';

export const hasSshKeygen: boolean = spawnSync('ssh-keygen', ['-?']).error === undefined;

const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'auths-sshsig-'));
  made.push(directory);
  return directory;
}

export interface FileKey extends PaperKey {
  readonly file: string;
}

export function fileKey(type = 'ed25519', bits: readonly string[] = []): FileKey {
  const file = join(temporary(), 'key');
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-C', 'a comment', '-f', file]);
  const blob = Buffer.from(readFileSync(file, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const inner = blob.lastIndexOf('ssh-ed25519') + 'ssh-ed25519'.length;
  const seed =
    type === 'ed25519' ? new Uint8Array(blob.subarray(inner + 40, inner + 72)) : new Uint8Array(32);
  return { ...keyOfSeed(seed), file };
}

/** `ssh-keygen -Y sign`: the armored signature. */
export function signWithSshKeygen(
  key: FileKey,
  namespace: string,
  payload: Uint8Array,
  hash = 'sha512',
): Uint8Array {
  const file = join(temporary(), 'payload');
  writeFileSync(file, payload);
  execFileSync(
    'ssh-keygen',
    ['-q', '-Y', 'sign', '-n', namespace, '-O', `hashalg=${hash}`, '-f', key.file, file],
    { stdio: 'pipe' },
  );
  return new Uint8Array(readFileSync(`${file}.sig`));
}

/** Whether `ssh-keygen -Y check-novalidate` takes the signature. */
export function checkWithSshKeygen(armor: Uint8Array, namespace: string, payload: Uint8Array): boolean {
  const file = join(temporary(), 'signature');
  writeFileSync(file, armor);
  const run = spawnSync('ssh-keygen', ['-Y', 'check-novalidate', '-n', namespace, '-s', file], {
    input: payload,
  });
  return run.status === 0;
}
