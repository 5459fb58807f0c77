/**
 * Loaded into a built program before its first line (`node --import`): every call that changes the disk below the
 * watched folders is a point with a number, and at one chosen point the process kills itself, as a power cut would.
 * The programs know nothing of it. A write has two points (nothing of it on disk, half of it), a ref update one more
 * for what git leaves when it dies itself: its locks, or some refs of a transaction moved and others not.
 *
 *   KILL_FOLDERS  watched folders, separated by ":"      KILL_LOG  file that gets one line for each point
 *   KILL_AT       number of the point to die at, from 1  CLOCK_SHIFT_MS  added to the wall clock
 *   CHEAP_SCRYPT  "1": passphrases are stretched little; what a kill leaves does not depend on the cost
 */
import childProcess, { type ChildProcess } from 'node:child_process';
import crypto from 'node:crypto';
import fs, { type PathLike } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { argv, cwd, env, kill, pid } from 'node:process';

// oxlint-disable-next-line typescript/no-explicit-any
type AnyFunction = (...args: any[]) => any;
type Module = Record<string, AnyFunction>;

const folders = (env['KILL_FOLDERS'] ?? '').split(':').filter((folder) => folder !== '');
const target = Number(env['KILL_AT'] ?? 0);
const { appendFileSync, writeSync, writeFileSync } = fs;
const { spawnSync } = childProcess;
let count = 0;
let dying = false;
/** True while a wrapped function runs that calls others of its module itself: one change is one point. */
let inside = false;

/** One point; `leave` makes what the crash leaves behind. */
function point(text: string, leave?: () => unknown): void {
  if (dying || inside) return;
  count += 1;
  const log = env['KILL_LOG'];
  if (log !== undefined) appendFileSync(log, `${text}\n`);
  if (count !== target) return;
  dying = true;
  leave?.();
  die();
}

function die(): never {
  kill(pid, 'SIGKILL');
  // The signal may take a moment; nothing of the program runs meanwhile.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

/** The path as the log shows it (random parts as *), null when it is not watched. */
function shown(path: unknown): string | null {
  if (typeof path !== 'string' && !(path instanceof URL) && !Buffer.isBuffer(path)) return null;
  const full = resolve(path instanceof URL ? path.pathname : String(path));
  for (const folder of folders) {
    const below = relative(folder, full);
    if (!below.startsWith('..'))
      return (below || '.')
        .replaceAll(/[0-9a-f]{12,}|\b[0-9a-f]{2}(?=\/)/g, '*')
        .replaceAll(/E[\w-]{43}|did[:_]key[:_]z\w+/g, '*');
  }
  return null;
}

function half(data: unknown): Uint8Array {
  const bytes = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
  return bytes.subarray(0, Math.floor(bytes.length / 2));
}

const pathOf = new Map<number, string>();

/** What each changing function of node:fs does, by the name it has without "Sync". `null`: not watched. */
const changes: Readonly<Record<string, (args: readonly unknown[]) => string | null>> = {
  mkdir: ([path]) => label('mkdir', path),
  mkdtemp: ([path]) => label('mkdtemp', path),
  rename: ([from, to]) => (shown(from) ?? shown(to)) && `rename ${shown(from)} → ${shown(to)}`,
  link: ([from, to]) => (shown(from) ?? shown(to)) && `link ${shown(from)} → ${shown(to)}`,
  symlink: ([, path]) => label('symlink', path),
  copyFile: ([, path]) => label('copy', path),
  cp: ([, path]) => label('copy', path),
  unlink: ([path]) => label('unlink', path),
  rm: ([path]) => label('rm', path),
  rmdir: ([path]) => label('rmdir', path),
  chmod: ([path]) => label('chmod', path),
  chown: ([path]) => label('chown', path),
  utimes: ([path]) => label('utimes', path),
  truncate: ([path]) => label('truncate', path),
  open: ([path, flags]) => (isCreating(flags) ? label('create', path) : null),
  fsync: ([fd]) => labelFd('fsync', fd),
  fdatasync: ([fd]) => labelFd('fdatasync', fd),
  ftruncate: ([fd]) => labelFd('ftruncate', fd),
  fchmod: ([fd]) => labelFd('fchmod', fd),
  futimes: ([fd]) => labelFd('futimes', fd),
};

function label(what: string, path: unknown): string | null {
  const name = shown(path);
  return name === null ? null : `${what} ${name}`;
}

function labelFd(what: string, fd: unknown): string | null {
  return label(what, pathOf.get(fd as number));
}

function isCreating(flags: unknown): boolean {
  if (typeof flags === 'string') return /[wa+]/.test(flags);
  return typeof flags === 'number' && (flags & (fs.constants.O_CREAT | fs.constants.O_TRUNC)) !== 0;
}

function wrapAll(module: Module, suffix: string): void {
  for (const [name, describe] of Object.entries(changes)) {
    const original = module[`${name}${suffix}`];
    if (original === undefined) continue;
    module[`${name}${suffix}`] = (...args: unknown[]): unknown => {
      const text = describe(args);
      if (text !== null) point(text);
      const result: unknown = alone(() => original(...args));
      return name === 'open' ? remember(args[0] as PathLike, result) : result;
    };
  }
}

/** What is called before this returns belongs to the call. */
function alone<T>(call: () => T): T {
  const before = inside;
  inside = true;
  try {
    return call();
  } finally {
    inside = before;
  }
}

function remember(path: PathLike, opened: unknown): unknown {
  if (typeof opened === 'number') pathOf.set(opened, String(path));
  if (opened instanceof Promise)
    void opened.then(
      ({ fd }: { fd: number }) => pathOf.set(fd, String(path)),
      () => undefined,
    );
  return opened;
}

function wrapWrites(module: Module, suffix: string): void {
  for (const name of ['writeFile', 'appendFile']) {
    const original = module[`${name}${suffix}`] as AnyFunction;
    module[`${name}${suffix}`] = (path: PathLike, data: unknown, ...rest: unknown[]): unknown => {
      const file = typeof path === 'number' ? pathOf.get(path) : path;
      beforeWrite(file, data, () => {
        writeFileSync(path, half(data));
      });
      return alone(() => original(path, data, ...rest));
    };
  }
  for (const name of ['write', 'writev']) {
    const original = module[`${name}${suffix}`];
    if (original === undefined) continue;
    module[`${name}${suffix}`] = (fd: number, data: unknown, ...rest: unknown[]): unknown => {
      beforeWrite(pathOf.get(fd), data, () => writeSync(fd, half(data)));
      return alone(() => original(fd, data, ...rest));
    };
  }
}

function beforeWrite(path: unknown, data: unknown, tear: () => unknown): void {
  const name = shown(path);
  if (name === null) return;
  point(`write ${name}, nothing yet`);
  if (typeof data === 'string' || data instanceof Uint8Array) point(`write ${name}, half`, tear);
}

/** FileHandle has no public class: its prototype is that of any handle. */
async function wrapHandles(): Promise<void> {
  const some = await fs.promises.open(argv[1] ?? '/dev/null', 'r');
  const prototype = Object.getPrototypeOf(some) as Record<string, AnyFunction>;
  await some.close();
  for (const name of ['write', 'writev', 'writeFile', 'appendFile']) {
    const original = prototype[name] as AnyFunction;
    prototype[name] = function (this: { readonly fd: number }, data: unknown, ...rest: unknown[]): unknown {
      beforeWrite(pathOf.get(this.fd), data, () => writeSync(this.fd, half(data)));
      return original.call(this, data, ...rest);
    };
  }
  for (const [name, what] of Object.entries({
    sync: 'fsync',
    datasync: 'fdatasync',
    truncate: 'ftruncate',
    chmod: 'fchmod',
    utimes: 'futimes',
  })) {
    const original = prototype[name] as AnyFunction;
    prototype[name] = function (this: { readonly fd: number }, ...args: unknown[]): unknown {
      const text = labelFd(what, this.fd);
      if (text !== null) point(text);
      return original.apply(this, args);
    };
  }
}

/** Commands of git that only look. Whatever is not named here changes something. */
const LOOKS = new Set([
  'cat-file',
  'rev-parse',
  'rev-list',
  'ls-tree',
  'for-each-ref',
  'merge-base',
  'diff-tree',
  'show-ref',
  '--version',
  'version',
]);

interface GitCall {
  readonly command: string;
  readonly gitDir: string;
  readonly args: readonly string[];
}

/** A call of git that changes something, null for any other process. */
function gitChange(program: unknown, args: readonly string[]): GitCall | null {
  if (typeof program !== 'string' || !/(?:^|\/)git$/.test(program)) return null;
  let at = 0;
  let gitDir = cwd();
  for (; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (arg === '-c') at += 1;
    else if (arg === '-C') gitDir = args[(at += 1)] ?? '';
    else if (arg.startsWith('--git-dir=')) gitDir = arg.slice('--git-dir='.length);
    else break;
  }
  const rest = args.slice(at);
  const [command = ''] = rest;
  const looks =
    LOOKS.has(command) || (command === 'config' && rest.some((arg) => /^--(?:get|list)/.test(arg)));
  return looks ? null : { command, gitDir, args: rest };
}

function wrapSpawns(): void {
  const module = childProcess as unknown as Module;
  const spawnIt = module['spawn'] as AnyFunction;
  module['spawn'] = (program: unknown, args: readonly string[] = [], ...rest: unknown[]): unknown => {
    const call = gitChange(program, args);
    if (call === null) return spawnIt(program, args, ...rest);
    const text = `git ${call.args.slice(0, 3).join(' ')}`;
    point(`${text}: not started`);
    const child = spawnIt(program, args, ...rest) as ChildProcess;
    if (call.command === 'update-ref')
      dieInside(child, call, (input) => spawnSync(String(program), args, { ...(rest[0] as object), input }));
    if (call.command === 'config' && args.includes('--local')) leaveConfigLock(child, call, text);
    child.once('close', () => {
      point(`${text}: ended`);
    });
    return child;
  };
  const spawnItSync = module['spawnSync'] as AnyFunction;
  module['spawnSync'] = (program: unknown, args: readonly string[] = [], ...rest: unknown[]): unknown => {
    const call = gitChange(program, args);
    if (call !== null) point(`git ${call.args.slice(0, 3).join(' ')}: not started`);
    const result: unknown = spawnItSync(program, args, ...rest);
    if (call !== null) point(`git ${call.args.slice(0, 3).join(' ')}: ended`);
    return result;
  };
}

/** What is there when git itself dies in a ref transaction: all its locks, or the first refs moved and locks on the others. */
function dieInside(child: ChildProcess, { gitDir }: GitCall, run: (input: string) => unknown): void {
  const { stdin } = child;
  if (stdin === null) return;
  const end = stdin.end.bind(stdin) as AnyFunction;
  stdin.end = ((input: unknown, ...rest: unknown[]): unknown => {
    const lines = String(input)
      .split('\n')
      .filter((line) => /^(?:create|update|delete|verify) /.test(line));
    for (let moved = 0; moved < lines.length; moved++) {
      const refs = lines.map((line) => line.split(' ')[1] ?? '');
      point(
        `git update-ref: died with ${moved} of ${lines.length} moved, the rest locked (${refs.map((ref) => shown(join(gitDir, ref))).join(', ')})`,
        () => {
          child.kill('SIGKILL');
          if (moved > 0) run(`start\n${lines.slice(0, moved).join('\n')}\nprepare\ncommit\n`);
          for (const line of lines.slice(moved)) {
            const [, ref = '', oid = ''] = line.split(' ');
            fs.mkdirSync(join(gitDir, ref, '..'), { recursive: true });
            writeFileSync(join(gitDir, `${ref}.lock`), `${oid}\n`);
          }
        },
      );
    }
    return end(input, ...rest);
  }) as typeof stdin.end;
}

function leaveConfigLock(child: ChildProcess, { gitDir }: GitCall, text: string): void {
  const path = fs.existsSync(join(gitDir, '.git'))
    ? join(gitDir, '.git/config.lock')
    : join(gitDir, 'config.lock');
  point(`${text}: died with its lock`, () => {
    child.kill('SIGKILL');
    writeFileSync(path, '[core]\n');
  });
}

function cheapScrypt(): void {
  const module = crypto as unknown as Module;
  for (const name of ['scrypt', 'scryptSync']) {
    const original = module[name] as AnyFunction;
    module[name] = (
      password: unknown,
      salt: unknown,
      length: unknown,
      options: { readonly N?: number },
      ...rest: unknown[]
    ): unknown => original(password, salt, length, { ...options, N: Math.min(options.N ?? 16, 16) }, ...rest);
  }
}

if (folders.length > 0) {
  // The functions with callbacks come as they are: a point before the call, the rest is the same.
  for (const [module, suffix] of [
    [fs, ''],
    [fs, 'Sync'],
    [fs.promises, ''],
  ] as const) {
    wrapAll(module as unknown as Module, suffix);
    wrapWrites(module as unknown as Module, suffix);
  }
  await wrapHandles();
  wrapSpawns();
}
if (env['CHEAP_SCRYPT'] === '1') cheapScrypt();
const shift = Number(env['CLOCK_SHIFT_MS'] ?? 0);
if (shift !== 0) {
  const now = Date.now;
  Date.now = () => now() + shift;
}
