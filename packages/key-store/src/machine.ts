/**
 * machine.json (storage-and-verification.md 2): a home remembers the machine it was made on, because a home
 * copied to a second machine makes two writers of one log.
 *   {v:1, machine: hex of H("auths-machine/1" || OS machine id), path, inode}
 */
import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { platform } from 'node:process';
import { promisify } from 'node:util';
import { exactObject, parseJson } from '@auths/core/encoding/json';
import { utf8 } from '@auths/core/encoding/text';
import { MACHINE_LABEL } from '@auths/core/crypto/domains';
import { AuthsError, hasCode } from '@auths/core/errors';
import { corruptFile, readFileBounded, writeFileAtomic } from './atomic-file.ts';

/** What the record says about the home as it lies here now. */
export type MachineVerdict =
  /** Made here. */
  | { readonly verdict: 'same' }
  /** Recorded on another machine: appending is refused until `auths doctor --fix`. */
  | { readonly verdict: 'copied' }
  /** This machine, another path or directory: moved, restored or copied beside. Ask once, then record anew. */
  | { readonly verdict: 'moved'; readonly recordedPath: string }
  /** Nothing recorded yet. */
  | { readonly verdict: 'unrecorded' }
  /** The system has no machine id, so copies cannot be noticed. */
  | { readonly verdict: 'off' };

interface MachineRecord {
  readonly v: 1;
  readonly machine: string;
  readonly path: string;
  /** Decimal text: inode numbers exceed what a JSON number carries. */
  readonly inode: string;
}

const FILE = 'machine.json';

/** Reads the machine id of the system; null when it has none. */
export type ReadMachineId = () => Promise<string | null>;

/** Compares the home in `dir` with its record. */
export async function checkMachine(
  dir: string,
  readId: ReadMachineId = readMachineId,
): Promise<MachineVerdict> {
  const here = await observe(dir, readId);
  if (here === null) return { verdict: 'off' };
  const recorded = await readRecord(dir);
  if (recorded === null) return { verdict: 'unrecorded' };
  if (recorded.machine !== here.machine) return { verdict: 'copied' };
  if (recorded.path !== here.path || recorded.inode !== here.inode) {
    return { verdict: 'moved', recordedPath: recorded.path };
  }
  return { verdict: 'same' };
}

/** Records this machine and place as the home's own: at init, and after a person has answered `moved` or `copied`. */
export async function recordMachine(dir: string, readId: ReadMachineId = readMachineId): Promise<void> {
  const here = await observe(dir, readId);
  if (here !== null) await writeRecord(dir, here);
}

async function writeRecord(dir: string, record: MachineRecord): Promise<void> {
  await writeFileAtomic(join(dir, FILE), utf8(`${JSON.stringify(record)}\n`));
}

/**
 * Refuses, as `identity/copied-home`, to go on in a home that was copied: from another machine, or from a place on this
 * one where the original still is. A home that was merely moved is recorded at its new place, when `settle`, which is
 * given the old place, resolves to true (by default it does). For everything that appends.
 */
export async function refuseCopiedHome(
  dir: string,
  readId: ReadMachineId = readMachineId,
  settle: (recordedPath: string) => Promise<boolean> = () => Promise.resolve(true),
): Promise<void> {
  const found = await checkMachine(dir, readId);
  if (found.verdict === 'copied') {
    throw new AuthsError(
      'identity/copied-home',
      `${dir} was copied from another machine, and two machines that write one log end in a fork`,
      { hint: 'pair this machine instead (auths pair); if the other is gone for good: auths doctor --fix' },
    );
  }
  if (found.verdict !== 'moved') return;
  const { recordedPath } = found;
  if (await isSameDirectory(dir, recordedPath)) return;
  if (await isInUse(recordedPath, readId)) {
    throw new AuthsError(
      'identity/copied-home',
      `${dir} and ${recordedPath} are copies of one home, and two that write one log end in a fork; ${recordedPath} is the one that goes on`,
      { hint: 'work there, or, if this one is to stay instead: auths doctor --fix' },
    );
  }
  if (await settle(recordedPath)) return recordMachine(dir, readId);
  throw new AuthsError('identity/copied-home', `${dir} was moved from ${recordedPath}, or is a copy of it`, {
    hint: 'if no other copy is in use: auths doctor --fix',
  });
}

/**
 * Makes the home in `dir` the one that goes on. A copy on this machine that the record names learns it too: appending is
 * refused there from now on. A copy on another machine cannot be told.
 */
export async function settleMachine(dir: string, readId: ReadMachineId = readMachineId): Promise<void> {
  const found = await checkMachine(dir, readId);
  await recordMachine(dir, readId);
  if (found.verdict !== 'moved' || (await isSameDirectory(dir, found.recordedPath))) return;
  if (!(await isInUse(found.recordedPath, readId))) return;
  const here = await observe(dir, readId);
  if (here !== null) await writeRecord(found.recordedPath, here);
}

/** True when the home at `path` says of itself that it was made, or settled, there. */
async function isInUse(path: string, readId: ReadMachineId): Promise<boolean> {
  try {
    return (await checkMachine(path, readId)).verdict === 'same';
  } catch {
    // Gone, unreadable, or no home: nothing there can append.
    return false;
  }
}

/** One directory under two names, as a bind mount shows it. */
async function isSameDirectory(a: string, b: string): Promise<boolean> {
  try {
    const [one, other] = await Promise.all([stat(a, { bigint: true }), stat(b, { bigint: true })]);
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    return false;
  }
}

/** The id that the operating system gives to this installation; null when it has none (some containers). */
export async function readMachineId(): Promise<string | null> {
  switch (platform) {
    case 'linux':
      return (await firstLine('/etc/machine-id')) ?? (await firstLine('/var/lib/dbus/machine-id'));
    case 'freebsd':
    case 'openbsd':
      return firstLine('/etc/hostid');
    case 'darwin':
      return answer(
        'ioreg',
        ['-rd1', '-c', 'IOPlatformExpertDevice'],
        /"IOPlatformUUID" = "([0-9A-Fa-f-]{36})"/,
      );
    case 'win32':
      return answer(
        'reg',
        ['query', 'HKLM\\SOFTWARE\\Microsoft\\Cryptography', '/v', 'MachineGuid'],
        /REG_SZ\s+(\S+)/,
      );
    default:
      return null;
  }
}

async function observe(dir: string, readId: ReadMachineId): Promise<MachineRecord | null> {
  const id = await readId();
  if (id === null) return null;
  const machine = createHash('sha256').update(MACHINE_LABEL).update(id).digest('hex');
  const path = await realpath(dir);
  const { ino } = await stat(path, { bigint: true });
  return { v: 1, machine, path, inode: String(ino) };
}

async function readRecord(dir: string): Promise<MachineRecord | null> {
  const file = join(dir, FILE);
  const bytes = await readFileBounded(file, 64 << 10);
  if (bytes === null) return null;
  try {
    const { v, machine, path, inode } = exactObject(parseJson(bytes), ['v', 'machine', 'path', 'inode']);
    if (v === 1 && typeof machine === 'string' && typeof path === 'string' && typeof inode === 'string') {
      return { v, machine, path, inode };
    }
  } catch (cause) {
    if (!hasCode(cause, 'input/malformed')) throw cause;
    throw corruptFile(file, 'it is not a machine record', cause);
  }
  throw corruptFile(file, 'it is not a machine record');
}

async function firstLine(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const line = text.split('\n')[0]?.trim() ?? '';
  // systemd writes "uninitialized" into images that have not booted yet.
  return line === '' || line === 'uninitialized' ? null : line;
}

async function answer(program: string, args: readonly string[], pattern: RegExp): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)(program, [...args], { timeout: 5000 });
    return pattern.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}
