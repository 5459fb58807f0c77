/** Last words that do not arrive, hosts that die before they hear them, and answers that come too late. What is waited for here is the protocol's own 30 s. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Change } from '@auths/testing/adversary';
import { startAdversary } from '@auths/testing/adversary';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, programs, removePrograms, watch, type Machine } from './programs.ts';
import {
  endOf,
  joinArgv,
  listed,
  nothingGranted,
  openStage,
  statusOf,
  type Joining,
  type Session,
  type Stage,
} from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ desk: true });
}, 120_000);
afterAll(async () => {
  await stage.end();
  removePrograms();
});

const ACK = 'joiner send 4';
const PAIRED = 'host send 2';

/** Everybody hears that it was taken; it goes nowhere. */
const swallow =
  (wanted: string): Change =>
  ({ way, label }) =>
    way === 'request' && label === wanted ? { status: 200, body: {} } : null;

/** From the exchange `since` on the joiner hears nothing any more. */
function deafAfter(since: string): Change {
  let deaf = false;
  return ({ way, label }) => {
    if (way === 'request' && label === since) deaf = true;
    return deaf && way === 'answer' && label.startsWith('joiner receive') ? { body: { messages: [] } } : null;
  };
}

async function ended(on: Session, { joiner }: Joining): Promise<readonly [string, string]> {
  return [await endOf(on.host), await endOf(joiner)];
}

/** The same device comes again, undisturbed, and then works and is listed, once. */
async function comesAgain(at: Machine, { device, name }: Joining): Promise<void> {
  const on = await stage.open({ at });
  try {
    const { joiner } = on.join({ device, name });
    await Promise.all([on.host.done, joiner.done]);
    expect(await endOf(joiner)).toBe('0 paired');
    expect(await statusOf(device)).toBe('active');
    const mine = (await listed(at)).filter((one) => one.name === name && one.status === 'active');
    expect(mine).toHaveLength(1);
  } finally {
    await on.end();
  }
}

describe.concurrent('a relay that withholds the last words', { timeout: 120_000 }, () => {
  it('B15 "anchored": listed at the host, pending at the joiner, and joining again finishes it', async () => {
    const on = await stage.open({ change: deafAfter(ACK) });
    try {
      const one = on.join();
      expect(await ended(on, one)).toEqual(['0 paired', '4 pairing/pending']);
      expect(await listed(stage.desk)).toContainEqual(
        expect.objectContaining({ name: one.name, status: 'active' }),
      );
      await comesAgain(stage.desk, one);
    } finally {
      await on.end();
    }
  });

  it('B15 "ack": gone at the host, and at the joiner nothing that works; joining again pairs', async () => {
    const on = await stage.open({ change: swallow(ACK) });
    try {
      const one = on.join();
      expect(await ended(on, one)).toEqual(['4 pairing/timeout', '4 pairing/pending']);
      expect((await listed(stage.desk)).map(({ name }) => name)).not.toContain(one.name);
      expect(await statusOf(one.device)).not.toBe('active');
      await comesAgain(stage.desk, one);
    } finally {
      await on.end();
    }
  });

  it('B15 "paired": both end, and neither has anything', async () => {
    const on = await stage.open({ change: swallow(PAIRED) });
    try {
      const one = on.join();
      expect(await ended(on, one)).toEqual(['4 pairing/timeout', '4 pairing/timeout']);
      await nothingGranted(stage, stage.desk, [one]);
    } finally {
      await on.end();
    }
  });
});

describe.concurrent('a host that dies', { timeout: 120_000 }, () => {
  it('F06 once it has said "paired", before it hears "ack": provisional or absent, never active, and joining again pairs', async () => {
    const on = await stage.open();
    try {
      on.meddle(({ way, label }) => {
        if (way === 'answer' && label === PAIRED) on.host.kill('SIGKILL');
        return null;
      });
      const one = on.join();
      await on.host.done;
      // What it finishes on its next start, it finishes now.
      await stage.desk.run('devices', 'rename', 'desk', 'desk', '--json');
      const standing = (await listed(stage.desk)).filter(({ name }) => name === one.name);
      expect(standing.filter(({ status }) => status !== 'provisional')).toEqual([]);
      one.joiner.kill('SIGINT');
      await one.joiner.done;
      expect(await statusOf(one.device)).not.toBe('active');
      await comesAgain(stage.desk, one);
    } finally {
      await on.end();
    }
  });

  it('F06 before it has said "paired": nothing anywhere', async () => {
    const on = await stage.open();
    try {
      on.meddle(({ way, label }) => {
        if (way !== 'request' || label !== PAIRED) return null;
        on.host.kill('SIGKILL');
        return { status: 503, body: {} };
      });
      const one = on.join();
      await on.host.done;
      one.joiner.kill('SIGINT');
      await one.joiner.done;
      expect(await statusOf(one.device)).toBeNull();
      expect(
        (await listed(stage.desk)).filter((each) => each.name === one.name && each.status === 'active'),
      ).toEqual([]);
    } finally {
      await on.end();
    }
  });
});

describe.concurrent('a code that comes too late', { timeout: 120_000 }, () => {
  it('A11 thirty seconds after it was shown, though the clock on the wall of the host was set back by an hour: session-expired', async () => {
    const { desk, registry } = stage;
    const clock = join(desk.folder, 'set-back.cjs');
    writeFileSync(
      clock,
      `const now = Date.now; const began = now();
       Date.now = () => (now() - began < 10_000 ? now() : now() - 3_600_000);`,
    );
    const env = { ...desk.env, NODE_OPTIONS: `--require=${clock}` };
    const argv = ['pair', '--json', '--registry', registry.url, '--expiry', '30'];
    const host = watch(spawn(process.execPath, [programs().auths, ...argv], { env, stdio: 'pipe' }));
    const offer = await host.event('offer');
    const startedAt = performance.now();
    // His answer, which was in time when he gave it, is held until the code has run out.
    const adversary = await startAdversary(registry.url, async ({ way, label }) => {
      if (way === 'request' && label === 'joiner response 1') await host.done;
      return null;
    });
    const device = stage.machine();
    const place = ['--registry', adversary.origin('joiner')];
    const joiner = device.start(...joinArgv(String(offer['code']), device.name), ...place);
    try {
      expect(await endOf(host)).toBe('5 pairing/session-expired');
      expect(performance.now() - startedAt).toBeGreaterThan(28_000);
      expect(performance.now() - startedAt).toBeLessThan(40_000);
      expect(['5 pairing/session-expired', '6 pairing/cancelled']).toContain(await endOf(joiner));
      await nothingGranted(stage, desk, [{ device, name: device.name }]);
    } finally {
      host.kill('SIGKILL');
      joiner.kill('SIGKILL');
      await Promise.all([host.done, joiner.done]);
      await adversary.stop();
    }
  });
});
