/** Somebody between two processes and their registry who does not know the code, and changes, swaps or repeats what is sealed. */
import { randomBytes } from 'node:crypto';
import type { Change } from '@auths/testing/adversary';
import { createDeferred } from '@auths/testing/fake-clock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flipped, responseWith, wordWith } from './changes.ts';
import { buildPrograms, removePrograms } from './programs.ts';
import { endOf, endsOf, nothingGranted, openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ laptop: true });
}, 120_000);
afterAll(async () => {
  await stage.end();
  removePrograms();
});

const b64 = (length: number): string => randomBytes(length).toString('base64url');
const TAMPERED = '1 pairing/channel-tampered';

describe.concurrent('what the relay changes of what is sealed', { timeout: 120_000 }, () => {
  it.each<readonly [string, boolean, (sealed: string) => string]>([
    ['flipped', false, flipped],
    [
      'forged before a host on the local network',
      true,
      (sealed) => b64(Buffer.from(sealed, 'base64url').length),
    ],
  ])('B03 the introduction of the device is %s: channel-tampered, terminal', async (_what, lan, change) => {
    const on = await stage.open({
      lan,
      change: responseWith(({ sealed }) => ({ sealed: change(String(sealed)) })),
    });
    try {
      const one = on.join();
      expect(await endsOf(on.host, one.joiner)).toEqual([TAMPERED, '6 pairing/cancelled']);
      await nothingGranted(stage, stage.laptop, [one]);
    } finally {
      await on.end();
    }
  });

  it('B03 what the seed protocol said in the clear has no place on the wire', async () => {
    const on = await stage.open({
      change: responseWith(() => ({
        device_did: 'did:key:z6Mk',
        device_signing_pubkey: b64(32),
        signature: b64(64),
      })),
    });
    try {
      const one = on.join();
      expect(await endOf(one.joiner)).toBe('2 pairing/malformed');
      expect(on.host.events().map(({ event }) => event)).toEqual(['offer']);
      await nothingGranted(stage, stage.laptop, [one]);
    } finally {
      await on.end();
    }
  });

  it('B10 capabilities do not pass in the clear, and what carries them cannot be changed', async () => {
    const on = await stage.open({
      argv: ['--capabilities', 'sign_commit,sign_tag'],
      change: wordWith((body) => ({ ...body, sealed: flipped(body['sealed']) })),
    });
    try {
      const one = on.join();
      expect(await endsOf(on.host, one.joiner)).toEqual([TAMPERED, TAMPERED]);
      const wire = JSON.stringify(on.adversary.seen);
      expect(wire).toContain('pake_confirm');
      for (const said of ['sign_commit', 'sign_tag', 'capabilities', one.name, 'did:'])
        expect(wire).not.toContain(said);
      await nothingGranted(stage, stage.laptop, [one]);
    } finally {
      await on.end();
    }
  });
});

/** Sealed texts that passed towards the relay, by exchange. */
function recorder(): { readonly kept: (label: string) => unknown; readonly note: Change } {
  const kept = new Map<string, unknown>();
  return {
    kept: (label) => kept.get(label),
    note: ({ way, label, body }) => {
      if (way === 'request' && body?.['sealed'] !== undefined) kept.set(label, body['sealed']);
      return null;
    },
  };
}

/** In place of the joiner's first message, the sealed text of another exchange. */
function toHost(from: string): Change {
  const { kept, note } = recorder();
  return (passing) =>
    passing.way === 'request' && passing.label === 'joiner send 1'
      ? { body: { seq: 1, sealed: kept(from) } }
      : note(passing);
}

/** The same in place of the host's first message. */
function toJoiner(from: string): Change {
  const { kept, note } = recorder();
  return (passing) =>
    passing.way === 'answer' && passing.label === 'joiner receive 1' && passing.status === 200
      ? { body: { messages: [{ seq: 1, sealed: kept(from) }] } }
      : note(passing);
}

describe.concurrent('sealed words in another place', { timeout: 120_000 }, () => {
  it.each<readonly [string, Change]>([
    [
      'the joiner hears its own introduction as that of the host',
      (() => {
        const { kept, note } = recorder();
        const other = wordWith((body) => ({ ...body, sealed: kept('joiner response 1') }));
        return async (passing) => (await other(passing)) ?? note(passing);
      })(),
    ],
    ['the joiner hears seq 0 of the host again as seq 1', toJoiner('host confirm 1')],
    ['the host hears seq 0 of the joiner again as seq 1', toHost('joiner response 1')],
  ])('B11 %s: channel-tampered at both', async (_what, change) => {
    const on = await stage.open({ change });
    try {
      const one = on.join();
      expect(await endsOf(on.host, one.joiner)).toEqual([TAMPERED, TAMPERED]);
      await nothingGranted(stage, stage.laptop, [one]);
    } finally {
      await on.end();
    }
  });

  it('B11 introductions of two sessions that wait at once change places: both hosts refuse', async () => {
    const sealed: unknown[] = [];
    const { promise: ofSecond, resolve: second } = createDeferred<unknown>();
    // Whose introduction comes first waits until the other one is there.
    const exchange: Change = async ({ way, label, body }) => {
      if (way !== 'request' || label !== 'joiner response 1') return null;
      sealed.push(body?.['sealed']);
      if (sealed.length === 2) second(sealed[1]);
      return { body: { ...body, sealed: sealed.length === 2 ? sealed[0] : await ofSecond } };
    };
    const both = await Promise.all([stage.open({ change: exchange }), stage.open({ change: exchange })]);
    try {
      const joined = both.map((on) => on.join());
      for (const [i, on] of both.entries()) {
        const one = joined[i];
        if (one === undefined) continue;
        expect(await endsOf(on.host, one.joiner)).toEqual([TAMPERED, '6 pairing/cancelled']);
      }
      expect(new Set(sealed).size).toBe(2);
      await nothingGranted(stage, stage.laptop, joined);
    } finally {
      for (const on of both) await on.end();
    }
  });
});
