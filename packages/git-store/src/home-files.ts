/**
 * The few files that make a folder a repository to git, written here and not by `git init`, so that no template, no default
 * of the user's configuration and no second process changes what comes out; and put back where a home has lost them.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, join, parse } from 'node:path';
import { errnoOf, readSmallText, syncDirectory } from './files.ts';
import { runGit } from './git.ts';
import { homeExists, isUsed } from './home-parts.ts';
import { mendPackedRefs } from './packed-refs.ts';
import { unusedName, type BrokenFile } from './put-aside.ts';

const HEAD = 'ref: refs/heads/main\n';
const CONFIG = `[core]
\trepositoryformatversion = 0
\tbare = true
\tlogallrefupdates = false
[gc]
\tauto = 0
[receive]
\tdenyDeletes = true
\tdenyNonFastForwards = true
`;

/** HEAD last: with it the repository is there. Any number of processes may do so at once. */
export function placeHomeFiles(dir: string): void {
  for (const name of ['objects/info', 'objects/pack', 'refs'])
    mkdirSync(join(dir, name), { recursive: true });
  placeFile(join(dir, 'config'), CONFIG);
  placeFile(join(dir, 'HEAD'), HEAD);
}

/** What `mendHomeFiles` found, or with `fix` has mended. Nothing where there never was a home. */
export async function mendHomeFiles(dir: string, fix: boolean): Promise<readonly BrokenFile[]> {
  if (!isUsed(dir) && !homeExists(dir)) return [];
  const mended: BrokenFile[] = [];
  const each = [await mendHead(dir, fix), await mendConfig(dir, fix), mendRefs(dir, fix)];
  each.push(await mendPackedRefs(dir, fix));
  for (const broken of each) if (broken !== null) mended.push(broken);
  if (fix && mended.length > 0) await syncDirectory(dir);
  return mended;
}

/** HEAD of a home leads nowhere and only has to be there. */
async function mendHead(dir: string, fix: boolean): Promise<BrokenFile | null> {
  const path = join(dir, 'HEAD');
  const text = readSmallText(path, 4096);
  if (/^(?:ref: refs\/\S+|[0-9a-f]{40})\n?$/.test(text ?? '')) return null;
  const state = existsSync(path) ? 'damaged' : 'gone';
  // A folder in its place holds nothing of ours, and does not give way to a file.
  if (fix && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    renameSync(path, unusedName(`${path}.unreadable`));
  if (fix) renameSync(writeTemporary(path, HEAD), path);
  return { path, detail: `${path} was ${state}, and git takes the home for no repository` };
}

/** Remotes are remembered there, so that what git cannot read is put aside for a person to look at. */
async function mendConfig(dir: string, fix: boolean): Promise<BrokenFile | null> {
  const path = join(dir, 'config');
  const forgotten = 'what remotes it named is forgotten, and auths push REMOTE remembers one again';
  if (!existsSync(path)) {
    if (fix) placeFile(path, CONFIG);
    return { path, detail: `${path} was gone; ${forgotten}` };
  }
  // What is no file at all is for the person to move.
  if (readSmallText(path, 1 << 20) === null) return null;
  const args = ['config', '--file', path, '--list'];
  // From a place in no repository: git reads the configuration of where it stands first, and ends over that.
  const { status } = await runGit(args, { cwd: parse(dir).root, isolated: true, accept: [1, 3, 128, 255] });
  if (status === 0) return null;
  const aside = unusedName(`${path}.unreadable`);
  if (fix) {
    renameSync(path, aside);
    placeFile(path, CONFIG);
  }
  return { path, detail: `git cannot read ${path}, which is put aside as ${basename(aside)}; ${forgotten}` };
}

function mendRefs(dir: string, fix: boolean): BrokenFile | null {
  const path = join(dir, 'refs');
  const facts = statSync(path, { throwIfNoEntry: false });
  if (facts?.isDirectory() === true) return null;
  const aside = unusedName(`${path}.unreadable`);
  if (fix && facts !== undefined) renameSync(path, aside);
  if (fix) mkdirSync(path, { mode: 0o700 });
  const state = facts === undefined ? 'was gone' : `was no folder and is put aside as ${basename(aside)}`;
  return { path, detail: `${path} ${state}, and git takes the home for no repository` };
}

/** Beside `path`, synced; where it lies. */
function writeTemporary(path: string, text: string): string {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  writeSync(descriptor, text);
  fsyncSync(descriptor);
  closeSync(descriptor);
  return temporary;
}

/** Whoever links first wins and the bytes are the same; a file that is there, and may have grown since, is left alone. */
function placeFile(path: string, text: string): void {
  const temporary = writeTemporary(path, text);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  } finally {
    unlinkSync(temporary);
  }
}
