/** packed-refs that a disk has damaged: git and auths read no ref at all then, not even one that has a file of its own. */
import { linkSync, lstatSync, readFileSync, renameSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errnoOf, syncDirectory } from './files.ts';
import { unusedName, type BrokenFile } from './put-aside.ts';
import { isPackedRef } from './ref-files.ts';
import { locked } from './refs.ts';

/**
 * Keeps every line that can be read. The file as it was lies aside; what its other lines named is mended as any ref that
 * is gone. Under git's own lock, so that no line is lost that git packs meanwhile.
 */
export async function mendPackedRefs(dir: string, fix: boolean): Promise<BrokenFile | null> {
  const path = join(dir, 'packed-refs');
  if (goodLines(path) === null) return null;
  const aside = unusedName(`${path}.unreadable`);
  const detail = `${path} cannot be read, and git reads no ref beside it; it is put aside as ${basename(aside)}, and the lines of it that can be read are kept`;
  if (fix && !(await replace(path, aside))) return null;
  return { path, detail };
}

/** False where another program has mended it meanwhile. */
async function replace(path: string, aside: string): Promise<boolean> {
  const lock = `${path}.lock`;
  const file = await open(lock, 'wx', 0o600).catch((error: unknown) => {
    throw errnoOf(error) === 'EEXIST' ? locked(lock, error) : error;
  });
  let isDone = false;
  try {
    const lines = goodLines(path);
    if (lines === null) return false;
    await file.writeFile(lines, 'latin1');
    await file.sync();
    // A file keeps its name until the mended one takes it; a folder has to go first.
    if (lstatSync(path).isFile()) linkSync(path, aside);
    else renameSync(path, aside);
    renameSync(lock, path);
    isDone = true;
  } finally {
    await file.close();
    if (!isDone) await unlink(lock);
  }
  await syncDirectory(join(path, '..'));
  return true;
}

/** The lines that can be read, as they are; null where all of them can, or there is no such file. */
function goodLines(path: string): string | null {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return null;
  if (!facts.isFile()) return '';
  const lines = readFileSync(path, 'latin1').split('\n');
  const good: string[] = [];
  // What stands behind the last line's end was cut off somewhere, even where it looks like a ref.
  for (const [at, line] of lines.slice(0, -1).entries()) if (isGood(line, lines[at - 1])) good.push(line);
  return lines.at(-1) === '' && good.length === lines.length - 1
    ? null
    : good.map((line) => `${line}\n`).join('');
}

/** A peeled id belongs to the line before it. */
function isGood(line: string, before: string | undefined): boolean {
  if (line.startsWith('^'))
    return /^\^[0-9a-f]{40}$/.test(line) && before !== undefined && isGood(before, undefined);
  return (
    /^# [\x20-\x7e]*$/.test(line) || (isPackedRef(line) && /^refs\/[^\x00-\x20\x7f]+$/.test(line.slice(41)))
  );
}
