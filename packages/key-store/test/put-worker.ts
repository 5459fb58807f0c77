/** A process that stores secrets: argv = file, passphrase, name, how many. */
import { encryptedFileStore } from '../src/encrypted-file.ts';

const [file, passphrase, name, count] = process.argv.slice(2) as [string, string, string, string];
const store = encryptedFileStore(file, () => Promise.resolve(passphrase));
for (let i = 0; i < Number(count); i++) {
  await store.put(`${name}-${i}`, new Uint8Array(32).fill(i));
  process.stdout.write('.');
}
