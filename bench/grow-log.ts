/**
 * Makes the log of a home COUNT events longer: interactions that seal nothing.
 * usage: node grow-log.js HOME COUNT PASSPHRASE-FILE
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { interact, storedEvent } from '@auths/core/keri/build';
import { replay } from '@auths/core/keri/key-state';
import type { StoredEvent } from '@auths/core/ports';
import { gitEventLog } from '@auths/git-store/event-log';
import { openHome } from '@auths/git-store/home-repository';
import { encryptedFileStore } from '@auths/key-store/encrypted-file';
import { createSigner } from '@auths/key-store/signer';
import { nodeVerifyEngine } from '@auths/key-store/verify-engine';

const [dir, count, passphraseFile] = process.argv.slice(2) as [string, string, string];
const keys = encryptedFileStore(join(dir, 'keys.enc'), async () =>
  readFileSync(passphraseFile, 'utf8').trim(),
);
const secret = await keys.get('identity');
await using home = openHome(dir);
const log = gitEventLog(home);
const [prefix] = await log.list();
const before = prefix === undefined ? null : await log.read(prefix);
if (secret === null || prefix === undefined || before === null) throw new Error('the home has no identity');
const signer = createSigner(secret.bytes);
const { state } = replay(before.stream, { engine: nodeVerifyEngine });
if (state === null) throw new Error('the log does not replay');
let { said: prior } = state;
const events: StoredEvent[] = [];
for (let i = 1; i <= Number(count); i++) {
  const built = interact({ prefix, sequence: state.sequence + i, prior, seals: [] });
  events.push(storedEvent(built, [{ index: 0, signature: await signer.sign(built.event) }]));
  prior = built.said;
}
if ((await log.append(prefix, before.version, events)) === null) throw new Error('the log moved');
