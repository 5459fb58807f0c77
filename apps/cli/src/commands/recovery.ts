/** `auths recovery export` moves the kit off this machine, `check` proves that it opens and still fits the log. */
import { resolve } from 'node:path';
import { equalBytes } from '@auths/core/encoding/bytes';
import { normaliseProquint } from '@auths/core/encoding/proquint';
import { AuthsError, hasCode } from '@auths/core/errors';
import { prefixOf } from '@auths/core/identifiers';
import { nextDigestOf } from '@auths/core/keri/build';
import { replay } from '@auths/core/keri/key-state';
import { configSet } from '@auths/git-store/git-config';
import { readFileBounded, removeFile, writeFileAtomic } from '@auths/key-store/atomic-file';
import { openRecoveryKit, readRecoveryKitOwner, type RecoveryKit } from '@auths/key-store/recovery-kit';
import { createSigner } from '@auths/key-store/signer';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { homeFiles, verifyEngine, withAuthority, type Stores } from '../composition.ts';
import { withInitLock } from '../home/init-lock.ts';

const MAX_KIT = 64 << 20;

export const recoveryExport: CommandSpec = defineCommand({
  examples: [
    { command: 'auths recovery export --output /media/usb/auths-kit.json', what: 'moves the kit there' },
    { command: 'auths recovery check /media/usb/auths-kit.json', what: 'then proves that it opens' },
  ],
  flags: { output: { kind: 'value', hint: 'FILE', summary: 'where the kit goes; it must not exist' } },
  arguments: [],
  async run(context, { flags }) {
    return withAuthority(context, 'auths recovery export', async ({ home, identity }) => {
      if (flags.output === undefined) {
        throw new AuthsError('usage/missing-answer', 'where shall the recovery kit go?', {
          hint: 'give --output FILE, on another disk or a stick',
          details: { flag: '--output' },
        });
      }
      const target = resolve(context.cwd, flags.output);
      const { kit } = homeFiles(context.home);
      await withInitLock(context.home, async () => {
        const bytes = await readFileBounded(kit, MAX_KIT);
        if (bytes === null) {
          throw new AuthsError('key/not-found', 'there is no recovery kit on this machine to move', {
            hint: 'auths status says what is known of it',
            details: { alias: 'recovery-kit' },
          });
        }
        if (readRecoveryKitOwner(bytes, kit) !== identity.controller_did) {
          throw new AuthsError('storage/corrupt', `${kit} is the kit of another identity`, {
            details: { path: kit },
          });
        }
        if ((await readFileBounded(target, MAX_KIT)) !== null) {
          throw new AuthsError('usage/invalid', `${target} exists already`, {
            hint: 'name a file that does not exist',
          });
        }
        await writeFileAtomic(target, bytes);
        const back = await readFileBounded(target, MAX_KIT);
        if (back === null || !equalBytes(back, bytes)) {
          throw new AuthsError('storage/failed', `${target} does not read back`, {
            details: { path: target },
          });
        }
        await configSet({ scope: 'home', gitDir: home.dir }, 'auths.recovery', 'exported');
        await removeFile(kit);
      });
      return {
        data: { controller_did: identity.controller_did, file: target, recovery: 'exported' },
        text: `the recovery kit is now in ${target} and no longer on this machine\nnext: auths recovery check ${target}`,
      };
    });
  },
});

export const recoveryCheck: CommandSpec = defineCommand({
  examples: [
    { command: 'auths recovery check /media/usb/auths-kit.json', what: 'opens it, changes nothing' },
  ],
  flags: {},
  arguments: [{ name: 'FILE', summary: 'the kit (default: the one in this home)', required: false }],
  async run(context, { words }) {
    return withAuthority(context, 'auths recovery check', async (stores) => {
      const inHome = homeFiles(context.home).kit;
      const path = words[0] === undefined ? inHome : resolve(context.cwd, words[0]);
      const bytes = await readFileBounded(path, MAX_KIT);
      if (bytes === null)
        throw new AuthsError('input/unreadable', `there is no ${path}`, { details: { path } });
      const kit = await openKit(context, bytes, path);
      const fits = await fitsLog(stores, kit);
      kit.nextSeed.fill(0);
      const recovery = path === inHome ? 'on-this-machine' : 'checked';
      if (fits && path !== inHome) {
        await configSet({ scope: 'home', gitDir: stores.home.dir }, 'auths.recovery', 'checked');
      }
      return {
        data: { file: path, opens: true, fits, recovery: fits ? recovery : null },
        text: fits
          ? `${path} opens and can recover this identity`
          : `${path} opens, but its key is not the one that the log commits to: it cannot recover this identity`,
        exit: fits ? 0 : 1,
      };
    });
  },
});

/** Under the words or the passphrase it was sealed with: what was typed is tried as words too, where it can be words. */
async function openKit(context: Context, bytes: Uint8Array, path: string): Promise<RecoveryKit> {
  const typed = await context.terminal.passphrase(
    'Recovery words, or the passphrase that the kit was made with',
  );
  try {
    return await openRecoveryKit(bytes, typed, path);
  } catch (error) {
    if (!hasCode(error, 'key/wrong-passphrase')) throw error;
    let words: string;
    try {
      words = normaliseProquint(typed);
    } catch {
      throw error;
    }
    if (words === typed) throw error;
    return openRecoveryKit(bytes, words, path);
  }
}

/** True when the kit's key is the one that the newest establishment event commits to. */
async function fitsLog(stores: Stores, kit: RecoveryKit): Promise<boolean> {
  const did = stores.identity?.controller_did;
  if (did === undefined || prefixOf(did) !== kit.prefix) return false;
  const log = await stores.log.read(kit.prefix);
  const state = log === null ? null : replay(log.stream, { engine: await verifyEngine() }).state;
  return state?.next[0] === nextDigestOf(createSigner(kit.nextSeed).publicKey);
}
