/** Somebody who stands between two processes, with a registry of his own for the joiner, and runs the real protocol on both sides. */
import { didKeriOf, prefixOf, type DidKeri } from '@auths/core/identifiers';
import { standBetween, type Lies } from '@auths/testing/insider';
import { awaitJoiner, openSession, type LyingHost } from '@auths/testing/lying-host';
import { answer, wordOf } from '@auths/testing/lying-joiner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeFrom, guessOf, lyingHostAt, lyingJoinerAt } from './insider-ends.ts';
import { buildPrograms, removePrograms, type Running } from './programs.ts';
import {
  compare,
  endOf,
  endsOf,
  errorOf,
  joinArgv,
  nothingGranted,
  openStage,
  rightOnePairs,
  WIDE,
  type Joining,
  type Session,
  type Stage,
} from './stage.ts';

let stage: Stage;
let his: Running & { readonly url: string };
beforeAll(async () => {
  buildPrograms();
  stage = await openStage({ laptop: true, desk: true });
  his = await stage.world.registry(WIDE);
}, 120_000);
afterAll(async () => {
  await stage.end();
  removePrograms();
});

/** A joiner who was led to the wrong registry, with the right code. */
function misled({ offer, host }: Session, argv: readonly string[] = []): Joining {
  const device = stage.machine();
  const joiner = device.start(
    ...joinArgv(String(offer['code']), device.name),
    '--registry',
    his.url,
    ...argv,
  );
  compare(host, joiner);
  return { joiner, device, name: device.name };
}

function shown(running: Running, name: string): unknown {
  return running.events().find(({ event }) => event === name)?.['sas'];
}

interface Between {
  readonly ends: readonly [string, string];
  readonly sas: { readonly host: unknown; readonly joiner: unknown };
  readonly words: readonly [string, string];
}

/** One run with him in the middle, after which nothing is granted to anybody. */
async function between(
  lies: Lies,
  { argv = [], own }: { readonly argv?: readonly string[]; readonly own?: LyingHost } = {},
): Promise<Between> {
  const on = await stage.open({ argv });
  try {
    const towardsHost = lyingJoinerAt(stage.registry.url);
    const towardsJoiner = own ?? (await lyingHostAt(his.url));
    const { done } = await standBetween(towardsHost, towardsJoiner, codeFrom(on.offer['code']), lies);
    const one = misled(on);
    const ends = await endsOf(on.host, one.joiner);
    await done.catch(() => {});
    await nothingGranted(stage, stage.laptop, [one, { device: one.device, name: 'insider' }]);
    return {
      ends,
      sas: { host: shown(on.host, 'joined'), joiner: shown(one.joiner, 'sas') },
      words: [await errorOf(on.host), await errorOf(one.joiner)],
    };
  } finally {
    await on.end();
  }
}

describe.concurrent('somebody in between who only guesses', { timeout: 120_000 }, () => {
  it('B04 has guessed wrong at both ends, the joiner is warned, and the right person still pairs', async () => {
    const on = await stage.open({ at: stage.desk });
    try {
      const guess = guessOf(on.offer['code']);
      const host = await lyingHostAt(his.url);
      const waiting = awaitJoiner(host, await openSession(host, guess));
      waiting.catch(() => {});
      const towardsHost = lyingJoinerAt(stage.registry.url);
      const one = misled(on);
      expect(await endOf(one.joiner)).toBe('1 pairing/pake-failed');
      expect(await errorOf(one.joiner)).toContain('someone is in between');
      expect(one.joiner.events().map(({ event }) => event)).not.toContain('sas');
      expect(await wordOf(towardsHost, await answer(towardsHost, guess))).toEqual({
        attempt: 0,
        result: 'reject',
      });
      expect(await on.host.event('attempt')).toMatchObject({ result: 'pake-failed', attempts_left: 2 });
      await nothingGranted(stage, stage.desk, [one, { device: one.device, name: 'insider' }]);
      await rightOnePairs(on);
    } finally {
      await on.end();
    }
  });
});

describe.concurrent('somebody in between who knows the code', { timeout: 120_000 }, () => {
  it('B05 shows two people two fingerprints, whatever name he takes', async () => {
    const { ends, sas } = await between({ p2: (own, { device_name }) => ({ ...own, device_name }) });
    expect(ends).toEqual(['1 pairing/sas-mismatch', '1 pairing/sas-mismatch']);
    expect([typeof sas.host, typeof sas.joiner]).toEqual(['string', 'string']);
    expect(sas.host).not.toBe(sas.joiner);
  });

  it.each<readonly [string, NonNullable<Lies['p2']>, string]>([
    [
      'B18 says again what the true device said, but for the noise',
      ({ noise }, device) => ({ ...device, noise }),
      'invalid-signature',
    ],
    ['B18 shows the proof of the true device', (own, { proof }) => ({ ...own, proof }), 'invalid-signature'],
    [
      'B19 names the DID of the true device',
      (own, { device_did }) => ({ ...own, device_did }),
      'did-mismatch',
    ],
  ])('%s: the host refuses, terminal', async (_what, p2, code) => {
    const { ends, sas } = await between({ p2 });
    expect(ends).toEqual([`1 pairing/${code}`, '6 pairing/cancelled']);
    expect(sas).toEqual({ host: undefined, joiner: undefined });
  });

  it.each<readonly [string, NonNullable<Lies['p3']>]>([
    ['says again what the true host said', ({ noise }, host) => ({ ...host, noise })],
    [
      'is committed as himself and names the true host',
      (own, { controller_did, host_signing_pubkey, kel }) => ({
        ...own,
        controller_did,
        host_signing_pubkey,
        kel,
      }),
    ],
  ])('B07 %s: commit-mismatch at the joiner, terminal', async (_what, p3) => {
    const { ends, sas } = await between({ p3 });
    expect(ends).toEqual(['1 pairing/commit-mismatch', '1 pairing/commit-mismatch']);
    expect(sas.joiner).toBeUndefined();
  });

  it.each<readonly [string, NonNullable<Lies['p3']>]>([
    ['shows the log of the true host', (own, { kel }) => ({ ...own, kel })],
    ['proves less than he announces', (own) => ({ ...own, capabilities: ['sign_commit', 'sign_tag'] })],
    [
      'shows a log of which a byte was changed',
      (own) => ({ ...own, kel: String(own['kel']).replace('"kt":"1"', '"kt":"0"') }),
    ],
  ])('B20 %s: host-identity-invalid at the joiner, terminal', async (_what, p3) => {
    const { ends, sas } = await between({ p3 });
    expect(ends).toEqual(['1 pairing/host-identity-invalid', '1 pairing/host-identity-invalid']);
    expect(sas.joiner).toBeUndefined();
  });

  it('B20 claims to be the true host from the start, and shows its log', async () => {
    const him = await lyingHostAt(his.url);
    const did = stage.did(stage.laptop) as DidKeri;
    const log = await him.authority.log.read(prefixOf(him.authority.controllerDid));
    const own: LyingHost = {
      ...him,
      authority: {
        ...him.authority,
        controllerDid: did,
        log: { ...him.authority.log, read: async () => log },
      },
    };
    expect(did).not.toBe(didKeriOf(prefixOf(him.authority.controllerDid)));
    const { ends } = await between({ p3: (mine, { kel }) => ({ ...mine, kel }) }, { own });
    expect(ends).toEqual(['1 pairing/host-identity-invalid', '1 pairing/host-identity-invalid']);
  });

  it('F03 is not the device that was expected: refused, though he knows the code', async () => {
    const other = stage.machine();
    const made = await other.data('key', 'create');
    const argv = ['--expect-device', String(made['device_did'] ?? made['did'])];
    const { ends } = await between({}, { argv });
    expect(ends).toEqual(['6 pairing/device-not-expected', '6 pairing/cancelled']);
  });
});
