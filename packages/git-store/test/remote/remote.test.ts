/** Remotes as real git sees them: fetched apart, judged by replay, merged by compare-and-swap, within bounds. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { mergeLog, type Merged, type Tip } from '@auths/core/flows/merge-log';
import type { Prefix } from '@auths/core/identifiers';
import { sampleInteraction, sampleLogOf, streamOf, type SampleLog } from '@auths/testing/sample-events';
import { nodeVerifyEngine } from '../../../key-store/src/verify-engine.ts';
import { gitAttestationStore } from '../../src/attestation-store.ts';
import { gitEventLog, kelRef } from '../../src/event-log.ts';
import { createHome, type Home } from '../../src/home-repository.ts';
import { newCommit, newObject, newTree, type NewObject } from '../../src/objects.ts';
import { knownRemotes, rememberRemote, resolveRemote } from '../../src/remote-address.ts';
import { disputedRefs, gitDisputes, mirrorRemote } from '../../src/remote-disputes.ts';
import { fetchIdentity, listRemote } from '../../src/remote-evidence.ts';
import { planPush, pushRefs } from '../../src/remote-push.ts';
import { callRemote } from '../../src/remote-transport.ts';
import { git, scratch } from '../scratch.ts';

const remoteAt = (dir: string): { url: string; name: string; known: boolean } => ({
  url: dir,
  name: 'there',
  known: false,
});
const refsOf = async (home: Home, url: string, prefix: Prefix): Promise<ReadonlyMap<string, string>> =>
  (await listRemote(home.dir, { url })).get(prefix) ?? new Map<string, string>();
const tip = ({ events }: SampleLog): Tip => {
  const last = events.at(-1);
  if (last === undefined) throw new Error('a log has events');
  return { sequence: last.sequence, said: last.said };
};
afterEach(() => vi.unstubAllEnvs());

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** git's own http-backend behind TLS, with a certificate of its own. */
async function serveHttps(
  root: string,
): Promise<{ readonly url: string; readonly authority: string; readonly close: () => Promise<void> }> {
  const dir = scratch();
  const [keyFile, certificate] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
  execFileSync('openssl', [...made, '-keyout', keyFile, '-out', certificate], { stdio: 'pipe' });
  const server = createServer(
    { key: readFileSync(keyFile), cert: readFileSync(certificate) },
    (request, response) => {
      const [path = '', query = ''] = (request.url ?? '').split('?');
      const child = spawn('git', ['http-backend'], {
        env: {
          PATH: process.env['PATH'],
          GIT_PROJECT_ROOT: root,
          GIT_HTTP_EXPORT_ALL: '1',
          PATH_INFO: path,
          QUERY_STRING: query,
          REQUEST_METHOD: request.method,
          CONTENT_TYPE: request.headers['content-type'] ?? '',
          HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
          GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        },
      });
      request.pipe(child.stdin);
      const chunks: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      child.on('close', () => {
        const all = Buffer.concat(chunks);
        const end = all.indexOf('\r\n\r\n');
        let status = 200;
        for (const line of all.toString('latin1', 0, end).split('\r\n')) {
          const [name = '', value = ''] = line.split(': ');
          if (name === 'Status') status = Number(value.slice(0, 3));
          else if (name !== '') response.setHeader(name, value);
        }
        response.writeHead(status).end(all.subarray(end + 4));
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    authority: certificate,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** A home that holds this log. */
async function homeWith(log: SampleLog | null): Promise<Home> {
  const home = createHome(scratch());
  if (log !== null) await gitEventLog(home).append(log.prefix, null, log.events);
  return home;
}

/** What `home` makes of what lies at `url`. */
async function pull(home: Home, url: string, prefix: Prefix, seen: Tip | null = null): Promise<Merged> {
  const shown = await fetchIdentity(remoteAt(url), prefix, await refsOf(home, url, prefix));
  const ports = {
    log: gitEventLog(home),
    records: gitAttestationStore(home),
    disputes: gitDisputes(home),
    engine: nodeVerifyEngine,
  };
  return mergeLog(ports, { ...shown, seen });
}

/** A repository whose kel ref holds whatever these objects are. */
async function bareWith(prefix: Prefix, objects: readonly NewObject[], commit: NewObject): Promise<string> {
  const home = createHome(scratch());
  await home.writeObjects([...objects, commit]);
  await home.updateRefs([{ ref: kelRef(prefix), from: null, to: commit.oid }]);
  return home.dir;
}

const trunk = sampleLogOf('remote', 6);

describe('a log from a remote', () => {
  it('arrives whole, long ones too, and the home is not touched by the fetch itself', async () => {
    const long = sampleLogOf('long remote', 130);
    const there = await homeWith(long);
    const here = await homeWith(null);
    // A folder for temporary files of its own: other programs on this machine fetch too.
    const temporary = scratch();
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const shown = await fetchIdentity(
      remoteAt(there.dir),
      long.prefix,
      await refsOf(here, there.dir, long.prefix),
    );
    expect(Buffer.from(shown.stream).equals(Buffer.from(streamOf(long.events)))).toBe(true);
    expect(git(here.dir, 'for-each-ref')).toBe('');
    expect(git(here.dir, 'count-objects')).toMatch(/^0 objects/);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('extends the home: the same commits as at the place it came from', async () => {
    const there = await homeWith(trunk);
    const here = await homeWith(trunk.cut(3));
    expect(await pull(here, there.dir, trunk.prefix)).toMatchObject({
      verdict: 'extended',
      from: 3,
      eventsAdded: 3,
      tip: tip(trunk),
    });
    expect(here.readRef(kelRef(trunk.prefix))).toBe(there.readRef(kelRef(trunk.prefix)));
    expect((await pull(here, there.dir, trunk.prefix)).verdict).toBe('up-to-date');
  });

  it('recovers the home, however much shorter, and the old branch stays under disputed', async () => {
    const recovery = trunk.cut(3).rotate();
    const there = await homeWith(recovery);
    const here = await homeWith(trunk);
    const before = here.readRef(kelRef(trunk.prefix));
    expect(await pull(here, there.dir, trunk.prefix)).toMatchObject({
      verdict: 'recovered',
      from: 3,
      superseded: 3,
      rotated: true,
      tip: tip(recovery),
    });
    expect([...disputedRefs(here, trunk.prefix).values()]).toEqual([before]);
    // A place that still shows the old branch has not heard of it; it neither conflicts nor moves anything.
    const old = await homeWith(trunk);
    expect(await pull(here, old.dir, trunk.prefix)).toMatchObject({ verdict: 'behind', tip: tip(recovery) });
    expect(disputedRefs(here, trunk.prefix).size).toBe(1);
    // Nor does the thief who goes on with it.
    const thief = await homeWith(trunk.interact('thief').interact('thief again'));
    expect(await pull(here, thief.dir, trunk.prefix)).toMatchObject({
      verdict: 'behind',
      tip: tip(recovery),
    });
  });

  it('is refused when it conflicts, whatever its length and rotations, and kept once for each sequence', async () => {
    const mine = trunk.rotate().interact('mine');
    const here = await homeWith(mine);
    const before = here.readRef(kelRef(trunk.prefix));
    const rivals = [
      [trunk.cut(4).interact('x'), 4, true],
      [trunk.cut(4).interact('x').interact('y').rotate().rotate(), 4, false],
      [trunk.cut(4).rotate().interact('z'), 4, false],
      [trunk.cut(5).interact('w'), 5, true],
      [trunk.interact('late').rotate().rotate().rotate(), 6, true],
    ] as const;
    for (const [rival, from, recorded] of rivals) {
      const there = await homeWith(rival);
      const merged = await pull(here, there.dir, trunk.prefix);
      expect(merged).toMatchObject({ verdict: 'forked', from, tip: tip(mine), eventsAdded: 0 });
      expect(merged.disputed).toEqual({ ...tip(rival), from, recorded });
      expect(here.readRef(kelRef(trunk.prefix))).toBe(before);
    }
    expect(disputedRefs(here, trunk.prefix).size).toBe(3);
    expect(git(here.dir, 'fsck', '--full', '--strict', '--no-dangling')).toBe('');
    // It freezes nobody.
    const next = sampleInteraction('remote', mine.prefix, 8, tip(mine).said, 'next');
    expect(next.sequence).toBe(8);
    expect(
      await gitEventLog(here).append(mine.prefix, before, [mine.interact('next').events[8] ?? next]),
    ).not.toBe(null);
  });

  it('sixteen disputes are kept and no more', async () => {
    const mine = sampleLogOf('many', 24);
    const here = await homeWith(mine);
    const recorded: boolean[] = [];
    for (let from = 2; from < 22; from++) {
      const there = await homeWith(mine.cut(from).interact('rival'));
      recorded.push((await pull(here, there.dir, mine.prefix)).disputed?.recorded === true);
    }
    expect(recorded.filter(Boolean)).toHaveLength(16);
    expect(disputedRefs(here, mine.prefix).size).toBe(16);
  });

  it('is rewound when it shows less than it has shown before, and only then', async () => {
    const here = await homeWith(trunk);
    const there = await homeWith(trunk.cut(4));
    expect((await pull(here, there.dir, trunk.prefix)).verdict).toBe('behind');
    expect((await pull(here, there.dir, trunk.prefix, tip(trunk.cut(3)))).verdict).toBe('behind');
    expect(await pull(here, there.dir, trunk.prefix, tip(trunk))).toMatchObject({
      verdict: 'rewound',
      tip: tip(trunk),
      theirs: tip(trunk.cut(4)),
    });
    // What it showed and nobody believed may go.
    expect((await pull(here, there.dir, trunk.prefix, tip(trunk.cut(5).interact('x')))).verdict).toBe(
      'behind',
    );
    // Set back to before a recovery that it had shown: an old branch, grown or not, is no news of the owner's.
    const recovery = trunk.cut(3).rotate();
    const recovered = await homeWith(recovery);
    expect((await pull(recovered, there.dir, trunk.prefix, tip(recovery))).verdict).toBe('forked');
  });

  it('two merges at once lose nothing', async () => {
    const here = await homeWith(trunk.cut(2));
    const one = await homeWith(trunk);
    const two = await homeWith(trunk.cut(4));
    const verdicts = await Promise.all(
      [one, two, one, two].map((there) => pull(here, there.dir, trunk.prefix)),
    );
    for (const { verdict } of verdicts) expect(['extended', 'behind', 'up-to-date']).toContain(verdict);
    expect(here.readRef(kelRef(trunk.prefix))).toBe(one.readRef(kelRef(trunk.prefix)));
  });

  it('the mirror points at what the remote showed, where the home holds it', async () => {
    const here = await homeWith(trunk);
    const ref = `refs/auths-remotes/there/did/keri/${trunk.prefix}/kel`;
    await mirrorRemote(here, 'there', trunk.prefix, tip(trunk.cut(4)));
    expect(here.readRef(ref)).toBe(git(here.dir, 'rev-parse', `${kelRef(trunk.prefix)}~2`));
    const rival = trunk.cut(4).interact('x');
    const there = await homeWith(rival);
    await pull(here, there.dir, trunk.prefix);
    await mirrorRemote(here, 'there', trunk.prefix, tip(rival));
    expect(here.readRef(ref)).toBe(there.readRef(kelRef(trunk.prefix)));
    await mirrorRemote(here, 'there', trunk.prefix, tip(sampleLogOf('elsewhere', 3)));
    expect(here.readRef(ref)).toBe(there.readRef(kelRef(trunk.prefix)));
  });
});

const treeOf = (stream: Uint8Array, extra: readonly { name: string; oid: string }[] = []): NewObject[] => {
  const blob = newObject('blob', stream);
  const kel = newTree([{ mode: '100644', name: '00000000.cesr', oid: blob.oid }]);
  const last = trunk.events.at(-1);
  const event = newObject('blob', last?.event ?? new Uint8Array());
  const cesr = newObject('blob', new TextEncoder().encode(last?.attachments ?? ''));
  const tree = newTree([
    { mode: '100644', name: 'event.json', oid: event.oid },
    { mode: '100644', name: 'event.cesr', oid: cesr.oid },
    { mode: '40000', name: 'kel', oid: kel.oid },
    ...extra.map((entry) => ({ mode: '100644', ...entry })),
  ]);
  return [blob, kel, event, cesr, tree];
};
const commitOf = (objects: readonly NewObject[]): NewObject =>
  newCommit({ tree: objects.at(-1)?.oid ?? '', parent: null, date: 0, message: 'x' });

describe('hostile remotes', () => {
  it('a log whose signature is damaged is invalid, and nothing is taken from it', async () => {
    const stream = new Uint8Array(streamOf(trunk.events));
    // The last signature but not the stored form of the last event: the tree is as an append writes it.
    const [first] = trunk.events;
    const at = (first?.event.length ?? 0) + 20;
    stream[at] = stream[at] === 0x41 ? 0x42 : 0x41;
    const objects = treeOf(stream);
    const url = await bareWith(trunk.prefix, objects, commitOf(objects));
    const here = await homeWith(trunk.cut(3));
    const before = git(here.dir, 'for-each-ref');
    expect(await pull(here, url, trunk.prefix)).toMatchObject({
      verdict: 'invalid',
      tip: tip(trunk.cut(3)),
      theirs: null,
    });
    expect(git(here.dir, 'for-each-ref')).toBe(before);
  });

  it('the log of another identity under our name is invalid', async () => {
    const other = sampleLogOf('other', 3);
    const there = await homeWith(other);
    git(there.dir, 'update-ref', kelRef(trunk.prefix), there.readRef(kelRef(other.prefix)) ?? '');
    const here = await homeWith(trunk);
    expect(await pull(here, there.dir, trunk.prefix)).toMatchObject({
      verdict: 'invalid',
      fault: { rule: 'prefix' },
    });
  });

  it('a tree that holds more than a log is refused', async () => {
    const blob = newObject('blob', new TextEncoder().encode('more'));
    const objects = [blob, ...treeOf(streamOf(trunk.events), [{ name: 'state.json', oid: blob.oid }])];
    const url = await bareWith(trunk.prefix, objects, commitOf(objects));
    const here = await homeWith(null);
    await expect(pull(here, url, trunk.prefix)).rejects.toMatchObject({ code: 'storage/corrupt' });
  });

  it('objects that fsck refuses are refused before anybody reads them', async () => {
    const dir = scratch();
    git(dir, 'init', '--bare', '-q', dir);
    const blob = git(dir, 'hash-object', '-w', '--stdin-paths');
    expect(blob).toBe('');
    const oid = execFileSync('git', [`--git-dir=${dir}`, 'hash-object', '-w', '--stdin'], {
      input: 'x',
      encoding: 'utf8',
    }).trim();
    const entry = Buffer.concat([Buffer.from('100644 .git\0'), Buffer.from(oid, 'hex')]);
    const tree = execFileSync(
      'git',
      [`--git-dir=${dir}`, 'hash-object', '--literally', '-t', 'tree', '-w', '--stdin'],
      { input: entry, encoding: 'utf8' },
    ).trim();
    const commit = newCommit({ tree, parent: null, date: 0, message: 'x' });
    execFileSync('git', [`--git-dir=${dir}`, 'hash-object', '-t', 'commit', '-w', '--stdin'], {
      input: commit.bytes,
    });
    git(dir, 'update-ref', kelRef(trunk.prefix), commit.oid);
    const here = await homeWith(null);
    await expect(pull(here, dir, trunk.prefix)).rejects.toMatchObject({
      code: 'input/malformed',
      message: expect.stringMatching(/objects that git refuses/),
    });
  });

  it('a log that unpacks to more than any log is bounded', async () => {
    const objects = treeOf(new Uint8Array(80 << 20));
    const url = await bareWith(trunk.prefix, objects, commitOf(objects));
    const here = await homeWith(null);
    await expect(pull(here, url, trunk.prefix)).rejects.toMatchObject({
      code: expect.stringMatching(/corrupt|malformed/),
    });
  }, 120_000);

  it('thousands of refs are refused', async () => {
    const there = await homeWith(trunk.cut(1));
    const oid = there.readRef(kelRef(trunk.prefix)) ?? '';
    const lines = Array.from(
      { length: 4200 },
      (_, i) => `create refs/did/keri/${trunk.prefix}/devices/x${i} ${oid}\n`,
    );
    execFileSync('git', [`--git-dir=${there.dir}`, 'update-ref', '--stdin'], { input: lines.join('') });
    const here = await homeWith(null);
    await expect(pull(here, there.dir, trunk.prefix)).rejects.toMatchObject({ code: 'input/malformed' });
  });

  it('a records ref that is none is noted and ignored; the log counts', async () => {
    const there = await homeWith(trunk);
    const oid = there.readRef(kelRef(trunk.prefix)) ?? '';
    git(there.dir, 'update-ref', `refs/did/keri/${trunk.prefix}/devices/nobody`, oid);
    git(there.dir, 'update-ref', `refs/did/keri/${trunk.prefix}/anchors`, oid);
    const here = await homeWith(null);
    const shown = await fetchIdentity(
      remoteAt(there.dir),
      trunk.prefix,
      await refsOf(here, there.dir, trunk.prefix),
    );
    expect(shown.notes).toHaveLength(2);
    expect(shown.records).toEqual([]);
    expect((await pull(here, there.dir, trunk.prefix)).verdict).toBe('extended');
  });
});

describe('transports', () => {
  it('one that does not answer is given up in time, with all its processes', async () => {
    const here = await homeWith(null);
    const mark = `9${Date.now() % 1_000_000}`;
    vi.stubEnv('GIT_SSH_COMMAND', `sh -c 'sleep ${mark}'`);
    const started = Date.now();
    const call = listRemote(
      here.dir,
      { url: 'ssh://nowhere.example/x' },
      { timeoutMs: 700, unattended: true },
    );
    await expect(call).rejects.toMatchObject({ code: 'network/unreachable' });
    expect(Date.now() - started).toBeLessThan(5_000);
    expect(spawnSync('pgrep', ['-f', `sleep ${mark}`], { encoding: 'utf8' }).stdout).toBe('');
  });

  it('nothing but https, ssh and file, whatever the configuration rewrites', async () => {
    const here = await homeWith(null);
    const config = join(scratch(), 'gitconfig');
    const proof = join(scratch(), 'ran');
    writeFileSync(
      config,
      `[url "ext::sh -c touch% ${proof}"]\n\tinsteadOf = file:///evil\n[protocol]\n\tallow = always\n`,
    );
    vi.stubEnv('GIT_CONFIG_GLOBAL', config);
    await expect(listRemote(here.dir, { url: 'file:///evil' })).rejects.toMatchObject({
      code: 'network/unreachable',
      message: expect.stringMatching(/not allowed/),
    });
    expect(spawnSync('ls', [proof]).status).not.toBe(0);
  });

  it('over ssh, by the real protocol of git', async () => {
    const there = await homeWith(trunk);
    const shim = join(scratch(), 'ssh');
    writeFileSync(shim, '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n');
    chmodSync(shim, 0o755);
    vi.stubEnv('GIT_SSH_COMMAND', shim);
    vi.stubEnv('GIT_SSH_VARIANT', 'simple');
    const here = await homeWith(trunk.cut(2));
    expect((await pull(here, `ssh://host.example${there.dir}`, trunk.prefix)).verdict).toBe('extended');
    expect((await pull(here, `host.example:${there.dir}`, trunk.prefix)).verdict).toBe('up-to-date');
  });

  it.skipIf(!hasOpenssl)('over https, by the real protocol of git', async () => {
    const there = await homeWith(trunk);
    const { url, authority, close } = await serveHttps(join(there.dir, '..'));
    try {
      const here = await homeWith(trunk.cut(2));
      const address = `${url}/${there.dir.split('/').at(-1)}`;
      // A certificate that nobody vouches for is no answer.
      await expect(pull(here, address, trunk.prefix)).rejects.toMatchObject({ code: 'network/unreachable' });
      vi.stubEnv('GIT_SSL_CAINFO', authority);
      expect((await pull(here, address, trunk.prefix)).verdict).toBe('extended');
      expect((await pull(here, address, trunk.prefix)).verdict).toBe('up-to-date');
    } finally {
      await close();
    }
  });

  it('an interruption ends it', async () => {
    const here = await homeWith(null);
    vi.stubEnv('GIT_SSH_COMMAND', `sh -c 'sleep 30'`);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 200);
    const call = callRemote(['ls-remote', '--', 'ssh://nowhere.example/x'], {
      url: 'x',
      gitDir: here.dir,
      unattended: true,
      signal: stop.signal,
    });
    await expect(call).rejects.toThrow('enough');
  });
});

describe('pushing', () => {
  it('creates, moves forward, and never sends refs/auths or disputes', async () => {
    const there = createHome(scratch());
    const here = await homeWith(trunk.cut(3));
    git(here.dir, 'update-ref', 'refs/auths/identity', here.readRef(kelRef(trunk.prefix)) ?? '');
    const push = async (): Promise<readonly string[]> => {
      const plan = await planPush(here, trunk.prefix, await refsOf(here, there.dir, trunk.prefix));
      await pushRefs(here, { url: there.dir }, trunk.prefix, plan);
      return plan.map(({ ref }) => ref);
    };
    expect(await push()).toEqual([kelRef(trunk.prefix)]);
    expect(await push()).toEqual([]);
    const log = gitEventLog(here);
    await log.append(trunk.prefix, here.readRef(kelRef(trunk.prefix)), trunk.events.slice(3));
    await gitDisputes(here).record(trunk.prefix, 4, trunk.cut(4).interact('rival').events.slice(4));
    expect(disputedRefs(here, trunk.prefix).size).toBe(1);
    expect(await push()).toEqual([kelRef(trunk.prefix)]);
    expect(git(there.dir, 'for-each-ref', '--format=%(refname)')).toBe(kelRef(trunk.prefix));
    expect(there.readRef(kelRef(trunk.prefix))).toBe(here.readRef(kelRef(trunk.prefix)));
  });

  it('all or none, and only against what was seen there', async () => {
    const dir = scratch();
    git(dir, 'init', '--bare', '-q', dir);
    const there = createHome(dir);
    await gitEventLog(there).append(trunk.prefix, null, trunk.events);
    const here = await homeWith(trunk.cut(3).rotate());
    const anchors = `refs/did/keri/${trunk.prefix}/anchors`;
    git(here.dir, 'update-ref', anchors, here.readRef(kelRef(trunk.prefix)) ?? '');
    const plan = await planPush(here, trunk.prefix, await refsOf(here, dir, trunk.prefix));
    expect(plan.map(({ ref, fastForward }) => [ref, fastForward])).toEqual([
      [anchors, true],
      [kelRef(trunk.prefix), false],
    ]);
    // Another writer is first: the lease does not hold, and nothing at all is written.
    const held = there.readRef(kelRef(trunk.prefix));
    await gitEventLog(there).append(trunk.prefix, held, trunk.interact('first').events.slice(6));
    await expect(pushRefs(here, { url: dir }, trunk.prefix, plan)).rejects.toMatchObject({
      code: 'kel/conflict',
    });
    expect(git(dir, 'for-each-ref', '--format=%(refname)')).toBe(kelRef(trunk.prefix));
    const again = await planPush(here, trunk.prefix, await refsOf(here, dir, trunk.prefix));
    await pushRefs(here, { url: dir }, trunk.prefix, again);
    expect(there.readRef(kelRef(trunk.prefix))).toBe(here.readRef(kelRef(trunk.prefix)));
  });

  it('two first pushes at once: the second is told that another was first, and a lock there by its name', async () => {
    const here = await homeWith(trunk);
    const held = here.readRef(kelRef(trunk.prefix)) ?? '';
    const anchors = `refs/did/keri/${trunk.prefix}/anchors`;
    git(here.dir, 'update-ref', anchors, held);
    const plan = await planPush(here, trunk.prefix, new Map());
    const first = [
      [`echo ${held} > ${anchors}`, 'kel/conflict', /somebody else wrote there/],
      [`: > ${anchors}.lock`, 'git/failed', /anchors\.lock was left behind/],
    ] as const;
    for (const [write, code, message] of first) {
      const dir = scratch();
      git(dir, 'init', '--bare', '-q', dir);
      // What another push does between our look and our write.
      const hook = `#!/bin/sh\ncd ${dir} && mkdir -p refs/did/keri/${trunk.prefix} && ${write}\n`;
      mkdirSync(join(dir, 'hooks'), { recursive: true });
      writeFileSync(join(dir, 'hooks', 'pre-receive'), hook, { mode: 0o755 });
      await expect(pushRefs(here, { url: dir }, trunk.prefix, plan)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/^run the same command again/),
      });
    }
  });

  it('a remote that forbids it says so in its own words', async () => {
    const there = await homeWith(trunk);
    mkdirSync(join(there.dir, 'hooks'));
    writeFileSync(join(there.dir, 'hooks', 'update'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const here = await homeWith(trunk.cut(3).rotate());
    const plan = await planPush(here, trunk.prefix, await refsOf(here, there.dir, trunk.prefix));
    await expect(pushRefs(here, { url: there.dir }, trunk.prefix, plan)).rejects.toMatchObject({
      code: 'git/failed',
      message: expect.stringMatching(/refuses: hook declined/),
    });
    expect(there.readRef(kelRef(trunk.prefix))).not.toBe(here.readRef(kelRef(trunk.prefix)));
  });
});

describe('what an address means', () => {
  it.each([
    ['-x'],
    ['--upload-pack=touch /tmp/x'],
    [''],
    ['http://example.org/x'],
    ['git://example.org/x'],
    ['ext::sh -c id'],
    ['https://user:secret@example.org/x'],
    ['ssh://u:secret@example.org/x'],
    ['u:secret@example.org:x'],
    ['a\nb'],
  ])('%j is refused, and a secret is not repeated', async (text) => {
    const home = await homeWith(null);
    const refused = resolveRemote(home.dir, text, home.dir);
    await expect(refused).rejects.toMatchObject({ code: 'usage/invalid' });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
  });

  it.each([
    ['https://user@example.org/x.git', 'https://user@example.org/x.git'],
    ['git@example.org:me/x.git', 'git@example.org:me/x.git'],
    ['ssh://git@example.org:22/x', 'ssh://git@example.org:22/x'],
    ['file:///srv/x.git', 'file:///srv/x.git'],
    ['/srv/x.git', '/srv/x.git'],
    ['../x.git', '/base/x.git'],
  ])('%s is %s', async (text, url) => {
    const home = await homeWith(null);
    const remote = await resolveRemote(home.dir, text, '/base/here');
    expect(remote).toMatchObject({ url, known: false });
    expect(remote.name).toMatch(/^[A-Za-z0-9-]+-[0-9a-f]{8}$/);
  });

  it('a name means the home first, then the repository that one stands in', async () => {
    const home = await homeWith(null);
    const work = scratch();
    execFileSync('git', ['init', '-q', work]);
    execFileSync('git', ['-C', work, 'remote', 'add', 'origin', '../there.git']);
    mkdirSync(join(work, 'sub'));
    const found = await resolveRemote(home.dir, 'origin', join(work, 'sub'));
    expect(found).toMatchObject({ url: join(work, '..', 'there.git'), known: false });
    expect(await knownRemotes(home.dir)).toEqual([]);
    await rememberRemote(home.dir, found);
    expect(await knownRemotes(home.dir)).toEqual([{ ...found, known: true }]);
    expect(await resolveRemote(home.dir, 'origin', work)).toEqual({ ...found, known: true });
    expect(await resolveRemote(home.dir, found.name, '/')).toEqual({ ...found, known: true });
    git(home.dir, 'config', 'remote.origin.url', '/srv/other.git');
    expect(await resolveRemote(home.dir, 'origin', work)).toMatchObject({
      url: '/srv/other.git',
      known: true,
    });
    git(home.dir, 'config', 'remote.bad.url', 'https://u:p@example.org/x');
    const told: string[] = [];
    expect(await knownRemotes(home.dir, (name) => told.push(name))).toHaveLength(2);
    expect(told).toEqual(['bad']);
  });
});
