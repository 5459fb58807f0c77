/** Two processes in two homes, a registry, and somebody between each of them and it who does one thing in one of his manners. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Exchange, Manner } from '@auths/testing/adversary';
import { buildPrograms, removePrograms } from './programs.ts';
import { endsOf, listed, nothingGranted, openStage, statusOf, type Joining, type Stage } from './stage.ts';

let stage: Stage;
let earlier: readonly Exchange[] = [];

beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ laptop: true, desk: true });
  // A session of before, for whoever says again what was said in it.
  const on = await stage.open({ at: stage.desk });
  const one = on.join();
  expect(await endsOf(on.host, one.joiner)).toEqual(['0 paired', '0 paired']);
  earlier = on.adversary.seen;
  await on.end();
}, 120_000);
afterAll(async () => {
  await stage.end();
  removePrograms();
});

interface Run extends Joining {
  readonly ends: readonly [string, string];
  readonly acted: boolean;
}

async function run(at: Stage['desk'], label: string, manner: Manner): Promise<Run> {
  const on = await stage.open({ at, plan: { label, manner, earlier } });
  try {
    const one = on.join({ argv: ['--expect-host', stage.did(at), '--timeout', '10'] });
    return { ...one, ends: await endsOf(on.host, one.joiner), acted: on.adversary.acted() };
  } finally {
    await on.end();
  }
}

describe.concurrent('two processes and somebody in between', { timeout: 120_000 }, () => {
  it.each<readonly [string, Manner]>([
    ['joiner response 1', 'drop answer'],
    ['joiner response 1', 'truncate request'],
    ['host confirm 1', 'repeat'],
    ['host send 2', 'drop request'],
    ['joiner receive 1', 'hold back'],
    ['joiner send 4', 'truncate answer'],
  ])('pair though he does this to %s: %s', async (label, manner) => {
    const { acted, ends, device, name } = await run(stage.desk, label, manner);
    expect(acted).toBe(true);
    expect(ends).toEqual(['0 paired', '0 paired']);
    expect(await listed(stage.desk)).toContainEqual(expect.objectContaining({ name, status: 'active' }));
    expect(await statusOf(device)).toBe('active');
  });

  it.each<readonly [string, Manner, string]>([
    ['joiner look up 1', 'forge answer', 'pairing/bad-point'],
    ['joiner response 1', 'forge request', 'pairing/unauthorized'],
    ['joiner response 1', 'replay request', 'pairing/unauthorized'],
    ['joiner response 1', 'flip request', 'pairing/channel-tampered'],
    ['host confirm 1', 'forge request', 'pairing/pake-failed'],
    ['host send 1', 'flip request', 'pairing/channel-tampered'],
    ['joiner send 3', 'replay request', 'pairing/channel-tampered'],
  ])('grant nothing when he does this to %s: %s', async (label, manner, code) => {
    const one = await run(stage.laptop, label, manner);
    expect(one.acted).toBe(true);
    for (const end of one.ends) expect(end).not.toMatch(/^0 /);
    expect(one.ends.join()).toContain(code);
    await nothingGranted(stage, stage.laptop, [one]);
  });
});
