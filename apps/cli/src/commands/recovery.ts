/** `auths recovery export` takes the kit off this machine, as a file or as words; `check` proves that it still fits the log. */
import { resolve } from 'node:path';
import { equalBytes } from '@auths/core/encoding/bytes';
import { utf8 } from '@auths/core/encoding/text';
import { AuthsError } from '@auths/core/errors';
import { fitOfSeed } from '@auths/core/flows/rotate-keys';
import { prefixOf, type DidKeri } from '@auths/core/identifiers';
import { configSet } from '@auths/git-store/git-config';
import { readFileBounded, removeFile, writeFileAtomic } from '@auths/key-store/atomic-file';
import { nextKitPath, readRecoveryKitOwner } from '@auths/key-store/recovery-kit';
import { seedWords } from '@auths/key-store/recovery-words';
import { createSigner } from '@auths/key-store/signer';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { homeFiles, openKeys, withAuthority, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { withInitLock } from '../home/home-lock.ts';
import { hasNextKit, settleRotation } from '../recovery/kit-shelf.ts';
import { openKit, readNextSeed, seedFlags, type NextSeed } from '../recovery/next-seed.ts';
import { showWords, wordsPage } from '../recovery/words-page.ts';

const MAX_KIT = 64 << 20;

export const recoveryExport: CommandSpec = defineCommand({
  examples: [
    { command: 'auths recovery export --output /media/usb/auths-kit.json', what: 'moves the kit there' },
    { command: 'auths recovery check /media/usb/auths-kit.json', what: 'then proves that it opens' },
    {
      command: 'auths recovery export --words --remove',
      what: 'shows the 24 words, and leaves only the paper',
    },
  ],
  flags: {
    output: { kind: 'value', hint: 'FILE', summary: 'where it goes; it must not exist' },
    words: {
      kind: 'switch',
      summary: 'the 24 recovery words to print: on the terminal, or as a page in FILE',
    },
    remove: { kind: 'switch', summary: 'with --words: take the kit off this machine afterwards' },
  },
  arguments: [],
  more: 'Whoever has the kit and its passphrase, or the words alone, has the identity.',
  async run(context, { flags }) {
    return withAuthority(context, 'auths recovery export', async (stores) => {
      const { home, identity } = stores;
      const did = identity.controller_did;
      if (flags.output === undefined && !(flags.words && context.terminal.interactive)) {
        throw new AuthsError('usage/missing-answer', 'where shall the recovery kit go?', {
          hint: flags.words
            ? 'words are shown on a terminal only; give --output FILE to write the page there'
            : 'give --output FILE, on another disk or a stick',
          details: { flag: '--output' },
        });
      }
      if (flags.remove && !flags.words) {
        throw new AuthsError(
          'usage/invalid',
          '--remove goes with --words: without them the kit is moved anyway',
        );
      }
      await settleRotation(context, stores, await openKeys(context), did);
      const target = flags.output === undefined ? null : resolve(context.cwd, flags.output);
      const { kit } = homeFiles(context.home);
      const gone = !flags.words || flags.remove;
      await withInitLock(context.home, async () => {
        const bytes = await homeKit(kit, did);
        if (target !== null && (await readFileBounded(target, MAX_KIT)) !== null) {
          throw new AuthsError('usage/invalid', `${target} exists already`, {
            hint: 'name a file that does not exist',
          });
        }
        const page = flags.words ? await pageOf(context, bytes, kit, did) : null;
        if (target !== null) await writeAndReadBack(target, page === null ? bytes : utf8(page.text));
        else if (page !== null) await showWords(context, page.words, did);
        if (!gone) return;
        await configSet({ scope: 'home', gitDir: home.dir }, 'auths.recovery', 'exported');
        await removeFile(kit);
      });
      const where = target ?? 'what you have written down';
      return {
        data: {
          controller_did: did,
          file: target,
          form: flags.words ? 'words' : 'kit',
          recovery: gone ? 'exported' : 'on-this-machine',
        },
        text: [
          flags.words
            ? `the recovery words are in ${where}`
            : `the recovery kit is now in ${where} and no longer on this machine`,
          ...(flags.words && !gone ? ['the kit is still on this machine: --remove takes it off'] : []),
          `next: auths recovery check ${flags.words ? '--words -' : where}`,
        ].join('\n'),
      };
    });
  },
});

/** The kit in the home, which must be this identity's. */
async function homeKit(path: string, did: DidKeri): Promise<Uint8Array> {
  const bytes = await readFileBounded(path, MAX_KIT);
  if (bytes === null) {
    throw new AuthsError('key/not-found', 'there is no recovery kit on this machine to move', {
      hint: 'auths status says what is known of it',
      details: { alias: 'recovery-kit' },
    });
  }
  if (readRecoveryKitOwner(bytes, path) === did) return bytes;
  throw new AuthsError('storage/corrupt', `${path} is the kit of another identity`, { details: { path } });
}

async function pageOf(
  context: Context,
  bytes: Uint8Array,
  path: string,
  did: DidKeri,
): Promise<{ readonly words: string; readonly text: string }> {
  const { nextSeed } = await openKit(context, bytes, path);
  const words = seedWords(nextSeed);
  nextSeed.fill(0);
  return { words, text: wordsPage(words, did) };
}

async function writeAndReadBack(target: string, bytes: Uint8Array): Promise<void> {
  await writeFileAtomic(target, bytes);
  const back = await readFileBounded(target, MAX_KIT);
  if (back !== null && equalBytes(back, bytes)) return;
  throw new AuthsError('storage/failed', `${target} does not read back`, { details: { path: target } });
}

export const recoveryCheck: CommandSpec = defineCommand({
  examples: [
    { command: 'auths recovery check /media/usb/auths-kit.json', what: 'opens it, changes nothing' },
    { command: 'auths recovery check --words -', what: 'asks for the words on paper' },
  ],
  flags: { words: seedFlags.words },
  arguments: [{ name: 'FILE', summary: 'the kit (default: the one in this home)', required: false }],
  async run(context, { flags, words }) {
    return withAuthority(context, 'auths recovery check', async (stores) => {
      const inHome = homeFiles(context.home).kit;
      const path = words[0] === undefined ? inHome : resolve(context.cwd, words[0]);
      const next = await readNextSeed(context, {
        'recovery-file': flags.words === undefined ? path : words[0],
        words: flags.words,
      });
      const fit = await fitsLog(stores, next);
      next.seed.fill(0);
      const fits = fit === 'fits';
      const off = flags.words !== undefined || path !== inHome;
      if (fits && off)
        await configSet({ scope: 'home', gitDir: stores.home.dir }, 'auths.recovery', 'checked');
      return {
        data: {
          file: flags.words === undefined ? path : null,
          opens: true,
          fits,
          recovery: fits ? (off ? 'checked' : 'on-this-machine') : null,
        },
        text: fits
          ? `${next.name}: can recover this identity`
          : `${next.name}: cannot recover this identity. ${fit === 'foreign' ? 'Its log never committed to that key' : usedUp(context.home)}`,
        exit: fits ? 0 : 1,
      };
    });
  },
});

/** A rotation that was interrupted may have left the kit that goes on beside the old one. */
function usedUp(home: string): string {
  const since = 'That key was used up by a rotation since; take the kit or the words made then';
  return hasNextKit(home) ? `${since}: auths recovery check '${nextKitPath(homeFiles(home).kit)}'` : since;
}

/** Whether the newest establishment event commits to the key. */
async function fitsLog(stores: Stores, { seed, kit }: NextSeed): Promise<ReturnType<typeof fitOfSeed>> {
  const did = stores.identity?.controller_did;
  const prefix = did === undefined ? null : prefixOf(did);
  if (prefix === null || (kit !== null && kit.prefix !== prefix)) return 'foreign';
  const log = await stores.log.read(prefix);
  return log === null ? 'foreign' : fitOfSeed(verifyEngine, log.stream, createSigner(seed).publicKey);
}
