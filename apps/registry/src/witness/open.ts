/** What a witness keeps, beside the directory and never served: its key, and the logs that it has receipted. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuthsError } from '@auths/core/errors';
import type { Secret } from '@auths/core/ports';
import type { WitnessLogPorts } from '@auths/core/flows/witness-log';
import { WITNESS_LIMITS } from '@auths/core/flows/witness-log';
import { witnessAid } from '@auths/core/keri/receipt-message';
import { gitEventLog } from '@auths/git-store/event-log';
import { createHome } from '@auths/git-store/home-repository';
import { findLocks } from '@auths/git-store/refs';
import { gitDisputes } from '@auths/git-store/remote-disputes';
import { readPassphraseFile } from '@auths/key-store/passphrase-file';
import { encryptedFileStore } from '@auths/key-store/encrypted-file';
import { createSigner } from '@auths/key-store/signer';
import { nodeVerifyEngine } from '@auths/key-store/verify-engine';

/** An open witness. */
export interface Witness {
  /** Its AID, `B…`: what an identity names. */
  readonly aid: string;
  readonly ports: Omit<WitnessLogPorts, 'mayBegin'>;
  close(): Promise<void>;
}

const ALIAS = 'witness';

/**
 * Opens the witness in `<folder>/witness`, or makes one with a key of its own. `key/wrong-passphrase`, `storage/…`.
 */
export async function openWitness(folder: string, passphrase: string): Promise<Witness> {
  const own = join(folder, 'witness');
  await mkdir(own, { recursive: true, mode: 0o700 });
  const keys = encryptedFileStore(join(own, 'keys.enc'), () => Promise.resolve(passphrase));
  const signer = createSigner(await seedIn(keys));
  const home = createHome(join(own, 'seen.git'));
  await clearLocks(home.dir);
  return {
    aid: witnessAid(signer.publicKey),
    ports: {
      engine: nodeVerifyEngine,
      log: gitEventLog(home),
      disputes: gitDisputes(home),
      signer,
      limits: WITNESS_LIMITS,
    },
    close: () => home.close(),
  };
}

/** Longer than git holds a lock for any of ours, its own end after ours included. */
const LOCK_MS = 2_000;

/** What a run that was killed has left would stop the log that it was writing for ever, and nobody looks after a server's locks. */
async function clearLocks(dir: string): Promise<void> {
  for (let waited = 0; findLocks(dir).length > 0 && waited < LOCK_MS; waited += 100) await sleep(100);
  for (const { path } of findLocks(dir)) await rm(path, { force: true });
}

/** Of two that begin at once, the one whose key came second takes the first one's. */
async function seedIn(keys: ReturnType<typeof encryptedFileStore>): Promise<Uint8Array> {
  const known = await keys.get(ALIAS);
  if (known !== null) return known.bytes;
  try {
    await keys.put(ALIAS, randomBytes(32));
  } catch (error) {
    if (!(error instanceof AuthsError) || error.code !== 'key/exists') throw error;
  }
  return ((await keys.get(ALIAS)) as Secret).bytes;
}

/** The passphrase of the witness's key: the first line of the file, else of the environment. `key/passphrase-required`, `input/unreadable`. */
export async function witnessPassphrase(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const text = file === undefined ? (env['AUTHS_PASSPHRASE'] ?? '') : await readPassphraseFile(file);
  if (text !== '') return text;
  throw new AuthsError(
    'key/passphrase-required',
    'a witness signs, so its key lies under a passphrase, and none was given',
    { hint: 'set AUTHS_PASSPHRASE, or give --passphrase-file FILE' },
  );
}
