/** The new kit of a rotation: beside the old one until the rot stands, then in its place. */
import { existsSync, lstatSync } from 'node:fs';
import { isAuthsError, type ErrorCode } from '@auths/core/errors';
import { finishRotation, NEXT_IDENTITY, type KitShelf } from '@auths/core/flows/finish-rotation';
import { type RotationPorts } from '@auths/core/flows/rotate-keys';
import type { DidKeri } from '@auths/core/identifiers';
import type { KeyStore } from '@auths/core/ports';
import { disownEvents } from '@auths/git-store/undone';
import { removeFile, renameFile } from '@auths/key-store/atomic-file';
import { nextKitPath, readRecoveryKit, writeRecoveryKit } from '@auths/key-store/recovery-kit';
import { createSigner } from '@auths/key-store/signer';
import type { Context } from '../command.ts';
import { homeFiles, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { withInitLock } from '../home/home-lock.ts';
import { requireNothingLost } from '../home/lost-events.ts';
import { ownLog } from '../witnesses/own-log.ts';

/** The kit of this home, under its passphrase. */
function kitShelf(context: Context, remotes: readonly string[] = []): KitShelf {
  const path = homeFiles(context.home).kit;
  const next = nextKitPath(path);
  return {
    async prepare({ prefix, nextSeed, stream }) {
      const passphrase = await context.terminal.passphrase('Passphrase of this home');
      await writeRecoveryKit(next, { prefix, nextSeed, kel: stream, remotes, registry: null }, passphrase);
    },
    async prepared() {
      // Where nobody can be asked it stays, and keeps no revocation from being sealed.
      if (!hasNextKit(context.home) || context.terminal.passphraseSource() === null) return null;
      const passphrase = await context.terminal.passphrase('Passphrase of this home');
      try {
        return (await readRecoveryKit(next, passphrase))?.nextSeed ?? null;
      } catch (error) {
        if (isAuthsError(error) && UNOPENED.has(error.code)) return null;
        throw error;
      }
    },
    async promote() {
      if (existsSync(next)) await renameFile(next, path);
    },
    async discard() {
      if (existsSync(next)) await removeFile(next);
    },
  };
}

const UNOPENED: ReadonlySet<ErrorCode> = new Set([
  'key/wrong-passphrase',
  'storage/corrupt',
  'storage/version',
]);

/** Something else in its place is no kit that a rotation has left: it is in the way of the next rotation only, which says so. */
export function hasNextKit(home: string): boolean {
  return lstatSync(nextKitPath(homeFiles(home).kit), { throwIfNoEntry: false })?.isFile() === true;
}

/** What a rotation in this home works with. */
export async function rotationPorts(
  context: Context,
  stores: Stores,
  keys: KeyStore,
  remotes: readonly string[] = [],
): Promise<RotationPorts> {
  return {
    random: context.random,
    engine: verifyEngine,
    keys,
    kit: kitShelf(context, remotes),
    log: await ownLog(context, stores),
    records: stores.attestations,
    disown: (prefix, isUndone) => disownEvents(stores.home, prefix, isUndone),
    signerOf: createSigner,
  };
}

/**
 * Ends a rotation that a crash interrupted, one way or the other. Costs nothing where there was none. `kel/conflict` where
 * the log has lost events: it would be taken for one that was never published.
 */
export async function settleRotation(
  context: Context,
  stores: Stores,
  keys: KeyStore,
  issuer: DidKeri,
): Promise<void> {
  const waiting = (await keys.list()).some(({ alias }) => alias === NEXT_IDENTITY);
  if (!waiting && !hasNextKit(context.home)) return;
  await requireNothingLost(stores.home, issuer);
  await withInitLock(context.home, async () => {
    const ended = await finishRotation(await rotationPorts(context, stores, keys), issuer);
    if (ended === 'finished') context.note('a rotation that was interrupted is complete now');
    if (ended === 'kit')
      context.note(
        'the kit of a rotation that was interrupted has taken the old one’s place: the log knows no other',
      );
    if (ended === 'undone')
      context.note('a rotation that was interrupted was undone: the old key and kit still hold');
  });
}
