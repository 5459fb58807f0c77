/**
 * Makes a history of many commits signed by a home's device key, without a process a commit.
 * usage: node signed-history.js HOME REPOSITORY COUNT PASSPHRASE-FILE   → the new tip; the caller moves the branch.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pureDigests } from '@auths/core/commit/digests';
import { armorSshSignature, sshSignedBytes } from '@auths/core/commit/sshsig';
import { signEd25519, publicKeyOf } from '@auths/core/crypto/ed25519';
import { encryptedFileStore } from '@auths/key-store/encrypted-file';

const [home, repository, count, passphraseFile] = process.argv.slice(2) as [string, string, string, string];
const keys = encryptedFileStore(join(home, 'keys.enc'), async () =>
  readFileSync(passphraseFile, 'utf8').trim(),
);
const device = await keys.get('device');
if (device === null) throw new Error('the home has no device key');
const seed = device.bytes;
const publicKey = publicKeyOf(seed);

const git = (...args: string[]): string =>
  execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8', maxBuffer: 1 << 26 }).trim();
const tree = git('rev-parse', 'HEAD^{tree}');
let parent = git('rev-parse', 'HEAD');
const stage = mkdtempSync(join(tmpdir(), 'auths-bench-'));
const files: string[] = [];
for (let i = 1; i <= Number(count); i++) {
  const at = `Dev <dev@example.com> ${1_790_000_000 + i} +0000`;
  const head = `tree ${tree}\nparent ${parent}\nauthor ${at}\ncommitter ${at}\n`;
  const message = `change ${i}\n\nSome body text for commit number ${i}.\n`;
  const payload = Buffer.from(`${head}\n${message}`);
  const signature = signEd25519(seed, sshSignedBytes(pureDigests, 'git', 'sha512', payload));
  const armor = armorSshSignature({ publicKey, namespace: 'git', hash: 'sha512', signature });
  const header = Buffer.from(armor).toString('latin1').trimEnd().replaceAll('\n', '\n ');
  const commit = Buffer.from(`${head}gpgsig ${header}\n\n${message}`);
  parent = createHash('sha1').update(`commit ${commit.length}\0`).update(commit).digest('hex');
  const file = join(stage, String(i));
  writeFileSync(file, commit);
  files.push(file);
}
execFileSync('git', ['-C', repository, 'hash-object', '-t', 'commit', '-w', '--stdin-paths'], {
  input: `${files.join('\n')}\n`,
});
rmSync(stage, { recursive: true });
process.stdout.write(`${parent}\n`);
