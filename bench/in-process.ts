/**
 * Ratios inside one process: the store's appends and reads, and the replay, each against its yardstick in turn.
 * usage: node in-process.js SCRATCH-FOLDER RUNS   → one JSON line per figure: {name, ratios}
 */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Prefix, Said } from '@auths/core/identifiers';
import { incept, interact, nextDigestOf, rotate, storedEvent, type BuiltEvent } from '@auths/core/keri/build';
import { replay } from '@auths/core/keri/key-state';
import type { StoredEvent } from '@auths/core/ports';
import { gitEventLog } from '@auths/git-store/event-log';
import { createHome, openHome } from '@auths/git-store/home-repository';
import { nodeVerifyEngine } from '@auths/key-store/verify-engine';

const [scratch, wanted] = process.argv.slice(2) as [string, string];
const runs = Number(wanted);

interface Made {
  readonly prefix: Prefix;
  readonly events: readonly StoredEvent[];
  readonly signed: readonly {
    readonly event: Uint8Array;
    readonly key: Uint8Array;
    readonly signature: Uint8Array;
  }[];
}

function keyPair(number: number): {
  readonly publicKey: Uint8Array;
  readonly sign: (bytes: Uint8Array) => Uint8Array;
} {
  const seed = Buffer.alloc(32);
  seed.writeUInt32BE(number + 1);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(12)),
    sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
  };
}

/** A log of `count` events: after the inception interactions, or rotations. */
function makeLog(count: number, ilk: 'ixn' | 'rot'): Made {
  let [key, next] = [keyPair(0), keyPair(1)];
  const events: StoredEvent[] = [];
  const signed: Made['signed'][number][] = [];
  let built: BuiltEvent = incept({ key: key.publicKey, nextDigest: nextDigestOf(next.publicKey) });
  const { prefix } = built;
  for (let s = 1; ; s++) {
    const signature = key.sign(built.event);
    events.push(storedEvent(built, [{ index: 0, signature }]));
    signed.push({ event: built.event, key: key.publicKey, signature });
    if (s === count) return { prefix, events, signed };
    const prior: Said = built.said;
    if (ilk === 'ixn') {
      const d = nextDigestOf(built.event.subarray(0, 32));
      built = interact({ prefix, sequence: s, prior, seals: [{ d }] });
    } else {
      [key, next] = [next, keyPair(s + 1)];
      built = rotate({
        prefix,
        sequence: s,
        prior,
        key: key.publicKey,
        nextDigest: nextDigestOf(next.publicKey),
      });
    }
  }
}

function streamOf({ events }: Made): Uint8Array {
  return new Uint8Array(
    Buffer.concat(events.flatMap(({ event, attachments }) => [event, Buffer.from(attachments)])),
  );
}

async function seconds(action: () => unknown): Promise<number> {
  const started = process.hrtime.bigint();
  await action();
  return Number(process.hrtime.bigint() - started) / 1e9;
}

/** `runs` ratios a/b, in turn, after a warm-up of both. */
async function inTurn(name: string, a: () => unknown, b: () => unknown): Promise<void> {
  await seconds(a);
  await seconds(b);
  const ratios: number[] = [];
  for (let i = 0; i < runs; i++) {
    const first = await seconds(i % 2 === 0 ? a : b);
    const second = await seconds(i % 2 === 0 ? b : a);
    ratios.push(i % 2 === 0 ? first / second : second / first);
  }
  console.log(JSON.stringify({ name, ratios }));
}

/** The 20th append of one log against the 2,000th of another, then the 21st against the 2,001st, … */
async function measureAppends(): Promise<void> {
  const made = makeLog(2000 + runs + 1, 'ixn');
  const logs = await Promise.all(
    ['short', 'long'].map(async (name, i) => {
      const log = gitEventLog(createHome(join(scratch, name)));
      const before = i === 0 ? 19 : 1999;
      let version = (await log.append(made.prefix, null, made.events.slice(0, before)))?.version ?? null;
      let at = before;
      return async () => {
        version = (await log.append(made.prefix, version, made.events.slice(at, ++at)))?.version ?? null;
        if (version === null) throw new Error('the append was refused');
      };
    }),
  );
  const [short, long] = logs as [() => Promise<void>, () => Promise<void>];
  await inTurn('append', long, short);
}

async function measureRead(): Promise<void> {
  const dir = join(scratch, 'read');
  const made = makeLog(1000, 'ixn');
  {
    await using home = createHome(dir);
    const log = gitEventLog(home);
    let version: string | null = null;
    for (let at = 0; at < 1000; at += 8)
      version = (await log.append(made.prefix, version, made.events.slice(at, at + 8)))?.version ?? null;
  }
  const ref = `refs/did/keri/${made.prefix}/kel`;
  await inTurn(
    'read',
    async () => {
      await using home = openHome(dir);
      if (((await gitEventLog(home).read(made.prefix))?.stream.length ?? 0) < 100_000)
        throw new Error('not read');
    },
    () => execFileSync('git', [`--git-dir=${dir}`, 'cat-file', 'blob', `${ref}:event.json`]),
  );
}

function importKey(key: Uint8Array): KeyObject {
  const x = Buffer.from(key).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

async function measureReplay(ilk: 'ixn' | 'rot'): Promise<void> {
  const made = makeLog(1000, ilk);
  const stream = streamOf(made);
  const keys = made.signed.map(({ key }) => importKey(key));
  await inTurn(
    `replay ${ilk}`,
    () => {
      if (replay(stream, { engine: nodeVerifyEngine }).verdict !== 'accepted') throw new Error('refused');
    },
    () => {
      made.signed.forEach(({ event, key, signature }, at) => {
        // Each rotation brings a key, which nobody can have imported before.
        const by = ilk === 'rot' && at > 0 ? importKey(key) : (keys[at] as KeyObject);
        if (!verify(null, event, by, signature)) throw new Error('refused');
      });
    },
  );
}

/** What a known tip saves: only the hashes are checked again. */
async function measureResume(): Promise<void> {
  const made = makeLog(10_000, 'ixn');
  const stream = streamOf(made);
  const tip = made.events.at(-1) as StoredEvent;
  const judge = (resume?: { readonly sequence: number; readonly said: Said }) => () => {
    const options = { engine: nodeVerifyEngine, ...(resume === undefined ? {} : { resume }) };
    if (replay(stream, options).verdict !== 'accepted') throw new Error('refused');
  };
  await inTurn('resume', judge(), judge({ sequence: tip.sequence, said: tip.said }));
}

await measureAppends();
await measureRead();
await measureReplay('ixn');
await measureReplay('rot');
await measureResume();
