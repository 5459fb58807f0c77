import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { freshWorld } from './program.ts';

const MEMBERS = [
  'at',
  'keys',
  'next',
  'next_threshold',
  'prefix',
  'rule',
  'said',
  'sequence',
  'threshold',
  'verdict',
  'witness_threshold',
  'witnesses',
];
const vectors = join(dirname(fileURLToPath(import.meta.url)), '../../../packages/core/test/vectors/keri');

interface Vector {
  readonly id: string;
  readonly messages: readonly { readonly event: string; readonly attachments: string }[];
  readonly expect: {
    readonly accept: boolean;
    readonly verdict: string;
    readonly at?: number;
    readonly rule?: string;
    readonly state?: Readonly<Record<string, unknown>>;
  };
}

function read(file: string): readonly Vector[] {
  return (JSON.parse(readFileSync(join(vectors, file), 'utf8')) as { vectors: readonly Vector[] }).vectors;
}

describe('kel verify', () => {
  it('needs no identity, touches no home, and gives exactly the promised members', () => {
    const world = freshWorld({ locked: true });
    const { status, document } = world.json(['kel', 'verify', '-'], { input: '' });
    expect(status).toBe(1);
    expect(document).toMatchObject({
      ok: true,
      data: { verdict: 'reject', sequence: null, said: null, prefix: null },
    });
    expect(Object.keys(document.data).toSorted()).toEqual(MEMBERS);
    expect(existsSync(world.home)).toBe(false);
    expect(readdirSync(world.dir)).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['random bytes', Buffer.from([0xff, 0xfe, 0, 1, 2, 0x7b, 0xc3, 0x28])],
    ['JSON that is no event', '{"a":1}'],
    ['deep nesting', '['.repeat(100_000)],
    ['half a bundle', '{"controller_did":'],
    ['a bundle of nothing', '{"controller_did":"x","v":1}'],
    ['a bundle of another version', '{"controller_did":"x","v":2}'],
    ['a deep bundle', `{"controller_did":${'['.repeat(100_000)}`],
    ['a size that lies', '{"v":"KERI10JSONffffff_","t":"icp"}'],
  ])('%s is a reject, exit 1, never 2 or 70', (_, input) => {
    const world = freshWorld({ locked: true });
    const { status, document } = world.json(['kel', 'verify', '-'], { input });
    expect(status).toBe(1);
    expect(document.data).toMatchObject({ verdict: 'reject', at: 0, rule: expect.any(String) });
  });

  it('a stream above the bound is a reject too', () => {
    const world = freshWorld({ locked: true });
    const big = join(world.dir, 'big');
    writeFileSync(big, Buffer.alloc((64 << 20) + 10, 0x20));
    expect(world.json(['kel', 'verify', big])).toMatchObject({
      status: 1,
      document: { data: { verdict: 'reject', rule: 'bounds' } },
    });
  });

  it('wrong flags and a file that cannot be read are exit 2', () => {
    const world = freshWorld({ locked: true });
    expect(world.json(['kel', 'verify', join(world.dir, 'none')])).toMatchObject({
      status: 2,
      document: { error: { code: 'input/unreadable' } },
    });
    expect(world.json(['kel', 'verify', world.dir]).status).toBe(2);
    expect(world.json(['kel', 'verify', '-', '--what']).status).toBe(2);
    expect(world.json(['kel', 'verify', '-', 'two']).status).toBe(2);
  });

  it.skipIf(!existsSync(vectors))('agrees with the vectors, one of each kind', () => {
    const world = freshWorld({ locked: true });
    for (const vector of [
      ...read('03-rotation-chain.json').slice(0, 3),
      ...read('14-negative.json').slice(0, 4),
    ]) {
      const stream = vector.messages.map(({ event, attachments }) => event + attachments).join('');
      const { status, document } = world.json(['kel', 'verify', '-'], { input: stream });
      expect(status, vector.id).toBe(vector.expect.accept ? 0 : 1);
      if (vector.expect.accept) {
        expect(document.data).toMatchObject({
          verdict: 'accepted',
          at: null,
          rule: null,
          said: vector.expect.state?.['d'],
          keys: vector.expect.state?.['k'],
        });
        expect(document.data.sequence).toBe(Number.parseInt(vector.expect.state?.['s'] as string, 16));
      } else expect(document.data).toMatchObject({ at: vector.expect.at, rule: vector.expect.rule });
    }
  });
});

describe('kel show and export', () => {
  it('export gives the bytes that show explains; any change of one byte is refused', () => {
    const world = freshWorld();
    const { controller_did: did } = world.json(['init']).document.data;
    const stream = world.auths(['kel', 'export']).stdout;
    const shown = world.json(['kel', 'show']).document.data;
    expect(shown).toMatchObject({ controller_did: did, sequence: 1 });
    expect(shown.events.map(({ t }: { t: string }) => t)).toEqual(['icp', 'ixn']);
    for (const event of shown.events) expect(event.x).toMatch(/^[A-Za-z0-9_-]{86}$/);
    expect(world.json(['kel', 'export']).document.data.stream).toBe(stream);
    for (const at of [3, 60, 150, stream.length - 5]) {
      const other = stream[at] === 'A' ? 'B' : 'A';
      const changed = stream.slice(0, at) + other + stream.slice(at + 1);
      expect(world.json(['kel', 'verify', '-'], { input: changed }).status, `byte ${at}`).toBe(1);
    }
  });
});
