/**
 * The main job, shown: two devices and a third through a registry, one identity, commits that a stranger verifies.
 * Starts the built programs only, each as its own process in its own home, and prints every command as it is typed.
 * Ends with exit 1 at the first thing that is not as it should be.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const programs = {
  auths: join(root, 'apps/cli/dist/auths.js'),
  'auths-registry': join(root, 'apps/registry/dist/auths-registry.js'),
};
const stage = mkdtempSync(join(tmpdir(), 'auths-demo-'));
const running = new Set();
const colour = process.stdout.isTTY === true;
const bold = (text) => (colour ? `\u001b[1m${text}\u001b[22m` : text);

/** A machine: a name, an empty home, a git that knows nothing but who types. */
function machine(name, { identity = true } = {}) {
  const home = join(stage, name);
  mkdirSync(home, { recursive: true });
  writeFileSync(
    join(home, '.gitconfig'),
    `[user]\n\tname = Dev\n\temail = dev@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n`,
  );
  const env = {
    PATH: [process.env.PATH, '/usr/bin', '/bin'].join(delimiter),
    HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    NO_COLOR: '1',
    ...(identity ? { AUTHS_PASSPHRASE: randomBytes(12).toString('base64url') } : {}),
  };
  return { name, home, env, cwd: home };
}

/** Splits a typed line as a shell does for plain words and "quoted ones". */
const words = (line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2]);

function start(who, line) {
  const [program, ...args] = words(line);
  const script = programs[program];
  const [file, argv] = script === undefined ? [program, args] : [process.execPath, [script, ...args]];
  const child = spawn(file, argv, { cwd: who.cwd, env: who.env, stdio: ['pipe', 'pipe', 'pipe'] });
  running.add(child);
  const run = { child, out: '', err: '', waiting: [] };
  const settle = () => (run.waiting = run.waiting.filter((look) => !look()));
  child.stdout.setEncoding('utf8').on('data', (text) => ((run.out += text), settle()));
  child.stderr.setEncoding('utf8').on('data', (text) => ((run.err += text), settle()));
  run.ended = new Promise((resolve) => {
    child.on('error', (error) => ((run.err += String(error)), resolve(127)));
    child.on('close', (code) => (running.delete(child), resolve(code ?? 1), settle()));
  });
  return run;
}

/** Waits until what the program printed holds `pattern`; the match. */
function seen(run, pattern, what) {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(
      () => reject(new Error(`${what} did not appear within 60 s\n${run.out}${run.err}`)),
      60_000,
    );
    const look = () => {
      const match = pattern.exec(run.out) ?? pattern.exec(run.err);
      if (match === null && run.child.exitCode === null) return false;
      clearTimeout(limit);
      if (match === null) reject(new Error(`${what} did not appear\n${run.out}${run.err}`));
      else resolve(match);
      return true;
    };
    if (!look()) run.waiting.push(look);
  });
}

const indent = (text) => text.replace(/^(?=.)/gm, '  ').trimEnd();
const say = (text) => process.stdout.write(`${text}\n`);
const typed = (who, line) => say(bold(`${who.name}$ ${line}`));
const show = (run) => {
  const text = indent(`${run.err}${run.out}`);
  if (text !== '') say(text);
};

/** Types a line and waits for it to end with `status`. */
async function type(who, line, { status = 0, quiet = false } = {}) {
  typed(who, line);
  const run = start(who, line);
  run.child.stdin.end();
  const code = await run.ended;
  if (!quiet || code !== status) show(run);
  if (code !== status) throw new Error(`"${line}" ended with ${code}, expected ${status}`);
  return run.out;
}

function expectText(text, pattern, what) {
  if (!pattern.test(text)) throw new Error(`${what} was expected to say ${pattern}, it said:\n${text}`);
}

async function commit(who, message) {
  writeFileSync(join(who.cwd, 'notes.txt'), `${message}\n`, { flag: 'a' });
  await type(who, 'git add -A', { quiet: true });
  await type(who, `git commit -q -m "${message}"`);
}

/** A clone somebody changed: the same signature over another message. */
async function tamper(who) {
  const read = start(who, 'git cat-file commit HEAD');
  read.child.stdin.end();
  await read.ended;
  const write = start(who, 'git hash-object -t commit -w --stdin');
  write.child.stdin.end(read.out.replace(/\n([^\n]+)\n$/, '\n$1, and a back door\n'));
  await write.ended;
  await type(who, `git update-ref HEAD ${write.out.trim()}`, { quiet: true });
}

async function main() {
  const laptop = machine('laptop');
  const desktop = machine('desktop');
  const tablet = machine('tablet');
  const anyone = machine('anyone', { identity: false });
  const server = machine('server', { identity: false });

  say('\n1 · One identity, made on this machine, with no server\n');
  await type(laptop, 'auths init --name laptop --git global');
  await type(server, 'git init -q --bare project.git', { quiet: true });
  await type(laptop, `git clone -q ${join(server.home, 'project.git')} project`, { quiet: true });
  laptop.cwd = join(laptop.home, 'project');
  await type(laptop, 'auths repo init');
  await commit(laptop, 'Start the project');
  await commit(laptop, 'Write the first notes');
  await type(laptop, 'git push -q origin main');

  say('\n2 · A second device, over the LAN\n');
  typed(laptop, 'auths pair --yes');
  const host = start(laptop, 'auths pair --yes');
  const code = (await seen(host, /^\s*([2-9A-HJ-NP-Z]{3}-[2-9A-HJ-NP-Z]{3})\s*$/m, 'the code'))[1];
  const address = (await seen(host, /(https?:\/\/\S+?)\/health/, 'the address'))[1];
  await new Promise((resolve) => setTimeout(resolve, 300));
  show(host);
  const shownSoFar = [host.out.length, host.err.length];
  const byName = `auths pair --join ${code} --name desktop --git global --yes`;
  typed(desktop, byName);
  let joiner = start(desktop, byName);
  joiner.child.stdin.end();
  if ((await joiner.ended) === 4) {
    show(joiner);
    say('  (this machine lets no multicast through, so the address is given by hand)');
    const byHand = `${byName} --host ${address}`;
    typed(desktop, byHand);
    joiner = start(desktop, byHand);
    joiner.child.stdin.end();
  }
  if ((await joiner.ended) !== 0)
    throw new Error(`joining failed\n${joiner.out}${joiner.err}\n${host.out}${host.err}`);
  show(joiner);
  if ((await host.ended) !== 0) throw new Error(`the host failed\n${host.out}${host.err}`);
  say(bold('laptop, meanwhile:'));
  say(indent(host.err.slice(shownSoFar[1]) + host.out.slice(shownSoFar[0])));
  const sas = /[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(?![0-9A-Z-])/;
  const [one, two] = [host, joiner].map((run) => sas.exec((run.err + run.out).replaceAll(code, ''))?.[0]);
  if (one === undefined || one !== two) throw new Error(`the two screens show ${one} and ${two}`);
  say(`  (both screens show ${one})`);

  say('\n3 · The second device signs; a stranger verifies, from git alone\n');
  await type(laptop, 'auths repo update');
  await type(laptop, 'git add -A', { quiet: true });
  await type(laptop, 'git commit -q -m "Add the desktop"');
  await type(laptop, 'git push -q origin main');
  await type(desktop, `git clone -q ${join(server.home, 'project.git')} project`, { quiet: true });
  desktop.cwd = join(desktop.home, 'project');
  await commit(desktop, 'Written on the desktop');
  await commit(desktop, 'Written on the desktop, too');
  await commit(desktop, 'Finished on the desktop');
  await type(desktop, 'git push -q origin main');
  await type(anyone, `git clone -q ${join(server.home, 'project.git')} project`, { quiet: true });
  anyone.cwd = join(anyone.home, 'project');
  expectText(await type(anyone, 'auths verify HEAD~3..HEAD'), /valid/, 'verify');
  expectText(await type(anyone, 'auths verify HEAD'), /did:key:z6Mk/, 'verify');

  say('\n4 · A third device, through a registry that learns nothing\n');
  typed(server, 'auths-registry --bind 127.0.0.1:0 --repo registry');
  const registry = start(server, 'auths-registry --bind 127.0.0.1:0 --repo registry');
  const url = (await seen(registry, /(http:\/\/127\.0\.0\.1:\d+)/, 'the registry'))[1];
  show(registry);
  const hosting = `auths pair --registry ${url} --json`;
  typed(laptop, hosting);
  const relayed = start(laptop, hosting);
  const offer = (await seen(relayed, /"code":"([^"]+)"/, 'the offer'))[1];
  const joining = `auths pair --join ${offer} --registry ${url} --name tablet --git global --yes`;
  typed(tablet, joining);
  const joined = start(tablet, joining);
  joined.child.stdin.end();
  const shown = (await seen(joined, sas, 'the fingerprint on the tablet'))[0];
  await seen(relayed, /"event":"joined"/, 'the device at the laptop');
  say(`  (the laptop asks for what the tablet shows: ${shown})`);
  relayed.child.stdin.write(`${shown}\n`);
  if ((await joined.ended) !== 0)
    throw new Error(`joining failed\n${joined.out}${joined.err}\n${relayed.out}`);
  show(joined);
  if ((await relayed.ended) !== 0) throw new Error(`the host failed\n${relayed.out}${relayed.err}`);
  await type(laptop, 'auths devices');
  await type(laptop, 'git pull -q --rebase origin main', { quiet: true });
  await type(laptop, 'auths repo update', { quiet: true });
  await type(laptop, 'git add -A', { quiet: true });
  await type(laptop, 'git commit -q -m "Add the tablet"', { quiet: true });
  await type(laptop, 'git push -q origin main', { quiet: true });
  await type(tablet, `git clone -q ${join(server.home, 'project.git')} project`, { quiet: true });
  tablet.cwd = join(tablet.home, 'project');
  await commit(tablet, 'Written on the tablet');
  await type(tablet, 'git push -q origin main', { quiet: true });
  await type(anyone, 'git pull -q', { quiet: true });
  expectText(await type(anyone, 'auths verify HEAD'), /did:key:z6Mk/, 'verify');

  say('\n5 · What is not right is refused\n');
  await type(anyone, 'git clone -q . ../copy', { quiet: true });
  const copy = { ...anyone, cwd: join(anyone.home, 'copy') };
  say('  (somebody adds a back door to the copy and keeps the signature)');
  await tamper(copy);
  expectText(await type(copy, 'auths verify HEAD', { status: 1 }), /bad-signature|signature/, 'verify');

  await type(laptop, 'auths devices revoke desktop --reason compromised');
  await type(laptop, 'git pull -q --rebase origin main', { quiet: true });
  await type(laptop, 'auths repo update', { quiet: true });
  await type(laptop, 'git add -A', { quiet: true });
  await type(laptop, 'git commit -q -m "Revoke the desktop"', { quiet: true });
  await type(laptop, 'git push -q origin main', { quiet: true });
  say('  (the thief signs once more, on top of that)');
  await type(desktop, 'git pull -q --rebase origin main', { quiet: true });
  await commit(desktop, 'Written by whoever has the desktop now');
  await type(desktop, 'git push -q origin main', { quiet: true });
  await type(anyone, 'git pull -q', { quiet: true });
  expectText(await type(anyone, 'auths verify HEAD', { status: 1 }), /revoked/, 'verify');
  expectText(await type(anyone, 'auths verify HEAD~1'), /valid/, 'verify');

  registry.child.kill('SIGTERM');
  if ((await registry.ended) !== 0) throw new Error(`the registry ended badly\n${registry.err}`);
  say(
    '\nDone: two devices paired over the LAN and by a registry, both verified; a tampered copy and a revoked device refused.',
  );
}

try {
  await main();
} catch (error) {
  process.stdout.write(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  for (const child of running) child.kill('SIGKILL');
  rmSync(stage, { recursive: true, force: true });
}
