/** A host process, and joiners that know the code and lie, or that come second. */
import type { Lie } from '@auths/testing/lies';
import { members } from '@auths/testing/lies';
import { answer, findOffer, responseWithKey } from '@auths/testing/lying-joiner';
import { makeResponse } from '@auths/core/pairing/joiner';
import { realRandom } from '@auths/testing/real-world';
import { sampleMessage, sampleOk, sampleResponse } from '@auths/testing/sample-session';
import { openSession } from '@auths/testing/lying-host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeFrom, lyingHostAt, lyingJoinerAt } from './insider-ends.ts';
import { buildPrograms, removePrograms } from './programs.ts';
import { endOf, endsOf, listed, nothingGranted, openStage, rightOnePairs, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ laptop: true, desk: true });
}, 120_000);
afterAll(async () => {
  await stage.end();
  removePrograms();
});

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const b64 = (given: Uint8Array): string => Buffer.from(given).toString('base64url');
const nobody = (): { readonly device: ReturnType<Stage['machine']>; readonly name: string } => ({
  device: stage.machine(),
  name: 'insider',
});

/** S + L: the same number to whoever does not look. */
function unreduced(signature: unknown): string {
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  const given = Buffer.from(String(signature), 'base64url');
  let s = L;
  for (let i = 0; i < 32; i += 1) s += BigInt(given[32 + i] ?? 0) << BigInt(8 * i);
  for (let i = 0; i < 32; i += 1) given[32 + i] = Number((s >> BigInt(8 * i)) & 0xffn);
  return given.toString('base64url');
}
const resigned: Lie = (text) => {
  const own = JSON.parse(text) as { readonly signature: string };
  return JSON.stringify({ ...own, signature: unreduced(own.signature) });
};
/** 12345·B and a point of order 8. */
const MIXED = 'cdbc161be64c4302f56443ff29ccf36a2075be1a1fa67ff126b56315f5681c38';

describe.concurrent('a joiner that knows the code and lies to a host', { timeout: 120_000 }, () => {
  it.each<readonly [string, Lie, string]>([
    [
      'C05 a signing key of small order',
      members({ device_signing_pubkey: b64(new Uint8Array(32)) }),
      'weak-key',
    ],
    ['C05 a signing key with torsion', members({ device_signing_pubkey: b64(bytes(MIXED)) }), 'weak-key'],
    ['C05 a signature whose S is not reduced', resigned, 'invalid-signature'],
    ['F04 a wish for more capabilities', members({ capabilities: ['sign_release'] }), 'protocol-violation'],
  ])('%s: refused, terminal', async (_what, lie, code) => {
    const on = await stage.open();
    try {
      await answer(lyingJoinerAt(stage.registry.url), codeFrom(on.offer['code']), lie);
      expect(await endOf(on.host)).toBe(`1 pairing/${code}`);
      expect(on.host.events().map(({ event }) => event)).not.toContain('joined');
      await nothingGranted(stage, stage.laptop, [nobody()]);
    } finally {
      await on.end();
    }
  });

  it.each([
    ['order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
    ['p + 1', `eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`],
  ])('C04 an X25519 key of small order (%s) under a good MAC: weak-key, terminal', async (_what, key) => {
    const on = await stage.open();
    try {
      const him = lyingJoinerAt(stage.registry.url);
      const code = codeFrom(on.offer['code']);
      const { offer, w } = await findOffer(him, code);
      const run = await makeResponse(offer, w, code.text, him.device, realRandom);
      await him.relay.respond(offer.sessionId, responseWithKey(run, w, bytes(key), realRandom), null);
      expect(await endOf(on.host)).toBe('1 pairing/weak-key');
      await nothingGranted(stage, stage.laptop, [nobody()]);
    } finally {
      await on.end();
    }
  });

  it.each<readonly [string, boolean, readonly [Uint8Array, Uint8Array]]>([
    [
      'that is on no curve, or compressed',
      false,
      [bytes(`04${'17'.repeat(64)}`), bytes(`02${'6b'.repeat(32)}`)],
    ],
    [
      'that is the point at infinity, or has x beyond p, at a host on the local network',
      true,
      [bytes('00'), bytes(`04${'ff'.repeat(32)}${'11'.repeat(32)}`)],
    ],
  ])(
    'C01 a share %s: bad-point each time, an attempt less, and the right person pairs',
    async (_what, lan, shares) => {
      const on = await stage.open({ at: stage.desk, lan });
      try {
        const { relay } = lyingJoinerAt(lan ? String(on.offer['endpoint']) : stage.registry.url);
        for (const [attempt, share] of shares.entries()) {
          const { body } = sampleResponse({ attempt, pake_msg: b64(share) });
          await relay.respond(on.offer['session_id'] as never, body, null);
          expect(await on.host.event('attempt')).toMatchObject({
            result: 'bad-point',
            attempts_left: 2 - attempt,
          });
        }
        await rightOnePairs(on);
      } finally {
        await on.end();
      }
    },
  );
});

describe.concurrent('who comes out of turn', { timeout: 120_000 }, () => {
  it('B06 E05 a second joiner, by the other way in, while a person is asked about the first: turned away, and shown nothing', async () => {
    const on = await stage.open({ at: stage.desk, lan: true, argv: ['--confirm'] });
    try {
      const first = on.join({ compare: false });
      await Promise.all([first.joiner.event('sas'), on.host.event('joined')]);
      const second = on.join({ given: 'uri', compare: false });
      expect(await endOf(second.joiner)).toBe('6 pairing/already-used');
      expect(second.joiner.events().map(({ event }) => event)).not.toContain('sas');
      const { relay } = lyingJoinerAt(String(on.offer['endpoint']));
      await expect(
        relay.respond(on.offer['session_id'] as never, sampleResponse().body, null),
      ).rejects.toMatchObject({ code: 'pairing/already-used' });
      // The first one is as it was.
      on.host.say('y');
      expect(await endsOf(on.host, first.joiner)).toEqual(['0 paired', '0 paired']);
      await nothingGranted(stage, stage.desk, [second]);
    } finally {
      await on.end();
    }
  });

  it('B06 a host that reveals itself before there is an answer: the registry does not take it', async () => {
    const host = await lyingHostAt(stage.registry.url);
    const { sessionId, token, slots } = await openSession(host);
    await expect(host.relay.confirm(sessionId, token, sampleOk())).rejects.toMatchObject({
      code: 'pairing/conflict',
    });
    await expect(host.relay.send(sessionId, token, sampleMessage(1))).rejects.toMatchObject({
      code: 'pairing/conflict',
    });
    const { relay } = lyingJoinerAt(stage.registry.url);
    expect(JSON.stringify(await relay.findByNameplate(slots[0]?.code?.nameplate ?? ''))).not.toContain(
      'sealed',
    );
  });

  it('B06 B09 a relay that hands the host an answer to an attempt that is not open: protocol-violation', async () => {
    const on = await stage.open({
      change: ({ way, label, body }) =>
        way === 'answer' && label.startsWith('host look') && body?.['response'] !== undefined
          ? { body: { ...body, response: { ...(body['response'] as object), attempt: 1 } } }
          : null,
    });
    try {
      const one = on.join();
      expect((await endsOf(on.host, one.joiner))[0]).toBe('1 pairing/protocol-violation');
      await nothingGranted(stage, stage.laptop, [one]);
    } finally {
      await on.end();
    }
  });

  it('F07 two devices of one name pair at once: two entries that can be told apart', async () => {
    const both = await Promise.all([stage.open({ at: stage.desk }), stage.open({ at: stage.desk })]);
    try {
      const joined = both.map((on) => on.join({ name: 'twin' }));
      for (const [i, on] of both.entries()) {
        const one = joined[i];
        if (one !== undefined) expect(await endsOf(on.host, one.joiner)).toEqual(['0 paired', '0 paired']);
      }
      const twins = (await listed(stage.desk)).filter(({ name }) => name.startsWith('twin'));
      expect(twins).toHaveLength(2);
      expect(new Set(twins.map(({ did }) => did)).size).toBe(2);
      const shown = [...(await stage.desk.run('devices', 'list')).stdout.matchAll(/^ *(twin.*?)  /gm)];
      expect(shown).toHaveLength(2);
      expect(new Set(shown.map(([, name]) => name)).size).toBe(2);
      // Nobody is taken for the other one.
      expect(await stage.desk.run('devices', 'revoke', 'twin', '--yes', '--json')).toMatchObject({ exit: 2 });
    } finally {
      for (const on of both) await on.end();
    }
  });

  it('D01 a hundred answers at once: the host hears one, all others are told so, and the right person pairs', async () => {
    const on = await stage.open({ at: stage.desk });
    try {
      const path = `${stage.registry.url}/v1/pairing/sessions/${String(on.offer['session_id'])}/response`;
      const statuses = await Promise.all(
        Array.from({ length: 100 }, async () => {
          const body = JSON.stringify(sampleResponse().body);
          const headers = { 'content-type': 'application/json' };
          const said = await fetch(path, { method: 'POST', headers, body });
          return `${said.status} ${String(((await said.json()) as { error?: string }).error)}`;
        }),
      );
      expect(statuses.filter((one) => one === '200 undefined')).toHaveLength(1);
      expect(statuses.filter((one) => one === '409 offer-consumed')).toHaveLength(99);
      expect(await on.host.event('attempt')).toMatchObject({ attempts_left: 2 });
      await rightOnePairs(on);
      expect(on.host.events().filter(({ event }) => event === 'attempt')).toHaveLength(1);
    } finally {
      await on.end();
    }
  });
});
