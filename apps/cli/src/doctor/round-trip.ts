/** git does not check what its signing program returns, so this does: signs as git would, verifies with stock ssh-keygen. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withScratchFolder } from '@auths/git-store/disk-trouble';
import type { Context } from '../command.ts';
import { homeFiles, openKeys } from '../composition.ts';
import { findProgram, writeWrapper } from '../home/device-files.ts';
import { readIdentityView } from '../home/identity-view.ts';
import type { Finding } from './finding.ts';

const CHECK = 'signing';
/** scrypt takes half a second; a signer that takes this long hangs. */
const TIMEOUT_MS = 30_000;

export async function roundTrip(context: Context): Promise<Finding> {
  const view = await readIdentityView(context.home);
  if (view === null) return skipped('no identity here');
  if (context.terminal.passphraseSource() === null) {
    return skipped('the device key is locked: give AUTHS_PASSPHRASE or --passphrase-file to try it');
  }
  if (!(await (await openKeys(context)).list()).some(({ alias }) => alias === 'device'))
    return skipped('there is no device key to sign with');
  const files = homeFiles(context.home);
  if (!existsSync(files.wrapper)) await writeWrapper(context);
  return withScratchFolder('auths-doctor-', async (folder) => {
    const payload = join(folder, 'payload');
    await writeFile(payload, 'tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nauths doctor\n');
    const passphrase = await context.terminal.passphrase('Passphrase of this home');
    const environment = { ...context.env, AUTHS_PASSPHRASE: passphrase };
    const signing = ['-Y', 'sign', '-n', 'git', '-f', files.devicePub, payload];
    const signed = await run(files.wrapper, signing, environment);
    if (signed.status !== 0) return failure(`the signing program failed: ${signed.stderr.trim()}`);
    const keygen = findProgram('ssh-keygen', context.env);
    if (keygen === null)
      return {
        check: CHECK,
        status: 'ok',
        detail: 'signed; ssh-keygen is not here to verify it',
        hint: null,
      };
    const checking = [
      '-Y',
      'verify',
      '-n',
      'git',
      '-f',
      files.allowedSigners,
      '-I',
      view.controllerDid,
      '-s',
      `${payload}.sig`,
    ];
    const verified = await run(keygen, checking, context.env, await readFile(payload));
    return verified.status === 0
      ? { check: CHECK, status: 'ok', detail: 'signed and verified a test payload', hint: null }
      : failure(
          `ssh-keygen does not accept the signature: ${verified.stderr.trim() || verified.stdout.trim()}`,
        );
  });
}

function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  input?: Uint8Array,
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, timeout: TIMEOUT_MS });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}

function skipped(detail: string): Finding {
  return { check: CHECK, status: 'skipped', detail, hint: null };
}

function failure(detail: string): Finding {
  return { check: CHECK, status: 'failed', detail, hint: 'auths git setup writes the program again' };
}
