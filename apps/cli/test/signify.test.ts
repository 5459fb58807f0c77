/**
 * What `auths kel export` writes for a fresh identity, held against signify-ts: rebuilt by it from the same keys the events
 * are equal to the byte, and its Verfer accepts our signatures.
 */
import { beforeAll, expect, it } from 'vitest';
import { MtrDex, Serder, Siger, Verfer, incept, interact, ready } from 'signify-ts';
import { freshWorld } from './program.ts';

beforeAll(async () => {
  await ready();
});

interface Message {
  readonly raw: string;
  readonly event: Readonly<Record<string, unknown>>;
  readonly signature: string;
}

/** Events and the one signature of each, cut by the sizes that the version strings state. */
function messages(stream: string): Message[] {
  const found: Message[] = [];
  for (let rest = stream; rest !== '';) {
    const size = Number.parseInt(/^\{"v":"KERI10JSON([0-9a-f]{6})_"/.exec(rest)?.[1] as string, 16);
    const raw = rest.slice(0, size);
    const signature = /^-V..-AAB(A[\w-]{87})/.exec(rest.slice(size))?.[1] as string;
    found.push({ raw, event: JSON.parse(raw) as Message['event'], signature });
    rest = rest.slice(size + '-VAA-AAB'.length + 88);
  }
  return found;
}

it('the exported log of a fresh identity is what signify-ts makes of the same keys', () => {
  const world = freshWorld();
  expect(world.auths(['init', '--name', 'laptop', '--git', 'none']).status).toBe(0);
  const exported = world.auths(['kel', 'export']);
  expect(exported.status).toBe(0);
  const [icp, ixn, ...more] = messages(exported.stdout);
  expect(more).toEqual([]);
  const keys = icp?.event['k'] as string[];
  const inception = incept({
    keys,
    ndigs: icp?.event['n'] as string[],
    isith: '1',
    nsith: '1',
    toad: '0',
    code: MtrDex.Blake3_256,
    intive: false,
  });
  expect(icp?.raw).toBe(inception.raw);
  const seal: Serder = interact({
    pre: inception.pre,
    dig: inception.sad['d'] as string,
    sn: 1,
    data: ixn?.event['a'] as object[],
    version: undefined,
    kind: undefined,
  });
  expect(ixn?.raw).toBe(seal.raw);
  const verfer = new Verfer({ qb64: keys[0] as string });
  for (const message of [icp, ixn]) {
    const siger = new Siger({ qb64: message?.signature ?? '' });
    expect(siger.index).toBe(0);
    expect(verfer.verify(siger.raw, new TextEncoder().encode(message?.raw))).toBe(true);
  }
});
