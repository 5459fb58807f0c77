/** Somebody between two processes and their registry who does not know the code, and changes what passes in the clear. */
import { randomBytes } from 'node:crypto';
import type { Change, Json } from '@auths/testing/adversary';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { either, flipped, offerWith, responseWith, wordWith } from './changes.ts';
import { buildPrograms, removePrograms } from './programs.ts';
import {
  endOf,
  errorOf,
  nothingGranted,
  openStage,
  rightOnePairs,
  type Joining,
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

const b64 = (length: number): string => randomBytes(length).toString('base64url');
const ZERO = Buffer.alloc(32).toString('base64url');
const swapped =
  (one: string, two: string) =>
  (body: Json): Json => ({ [one]: body[two], [two]: body[one] });
const flip =
  (member: string) =>
  (body: Json): Json => ({ [member]: flipped(body[member]) });

describe.concurrent('what the relay changes in the clear', { timeout: 120_000 }, () => {
  // A code takes three answers: two that he spoils, and the third is that of the right person.
  it.each<readonly [string, boolean, readonly Change[]]>([
    [
      'B01 flips the host key, B09 moves the end of life',
      false,
      [
        offerWith(flip('ephemeral_pubkey')),
        offerWith(({ expires_at }) => ({ expires_at: Number(expires_at) - 1 })),
      ],
    ],
    [
      'B01 B02 replaces the key of either side before a host on the local network',
      true,
      [offerWith({ ephemeral_pubkey: b64(32) }), responseWith(() => ({ device_x25519_pubkey: b64(32) }))],
    ],
    [
      'B01 B02 lets two keys of one message change places',
      false,
      [
        offerWith(swapped('ephemeral_pubkey', 'host_commit')),
        responseWith(swapped('device_x25519_pubkey', 'device_nonce')),
      ],
    ],
    [
      'B02 replaces the nonce, B09 moves the attempt and sets it right on the way back',
      false,
      [
        responseWith(() => ({ device_nonce: b64(32) })),
        either(
          offerWith({ attempt: 2 }),
          responseWith(() => ({ attempt: 1 })),
          wordWith((body) => ({ ...body, attempt: 2 })),
        ),
      ],
    ],
  ])(
    '%s: pake-failed at both, an attempt less each time, and the right person pairs',
    async (_what, lan, changes) => {
      const on = await stage.open({ lan });
      const device = stage.machine();
      try {
        for (const [i, change] of changes.entries()) {
          on.meddle(change);
          const { joiner } = on.join({ device });
          expect(await endOf(joiner)).toBe('1 pairing/pake-failed');
          expect(await errorOf(joiner)).toContain('wrong code, or someone in between');
          expect(await on.host.event('attempt')).toMatchObject({
            result: 'pake-failed',
            attempts_left: 2 - i,
          });
        }
        await nothingGranted(stage, stage.desk, [{ device, name: device.name }]);
        await rightOnePairs(on, device);
      } finally {
        await on.end();
      }
    },
  );

  it('B06 B09 B21 C01 C04 C09 offers that cannot be of this protocol: the joiner stops before it sends anything, and the session goes on', async () => {
    const on = await stage.open();
    const device = stage.machine();
    const cases: readonly (readonly [Json, string])[] = [
      // B09
      [{ kind: 'pin8' }, '1 pairing/pake-failed'],
      [{ nameplate: 'ZZ' }, '1 pairing/pake-failed'],
      // B21: never anything weaker instead.
      [{ pake_msg: undefined }, '2 pairing/unsupported-version'],
      [{ v: 0 }, '2 pairing/unsupported-version'],
      [{ suite: 'seed' }, '2 pairing/unsupported-version'],
      // B06: nobody reveals himself before there is an answer.
      [{ host_nonce: b64(32) }, '2 pairing/unsupported-version'],
      // C01, C04, C09
      [{ pake_msg: b64(65) }, '1 pairing/bad-point'],
      [{ ephemeral_pubkey: ZERO }, '1 pairing/weak-key'],
      [{ ephemeral_pubkey: `${b64(32)}=` }, '2 pairing/malformed'],
    ];
    try {
      for (const [change, end] of cases) {
        on.meddle(offerWith(change));
        expect([change, await endOf(on.join({ device }).joiner)]).toEqual([change, end]);
      }
      expect(on.adversary.seen.filter(({ label }) => label.startsWith('joiner response'))).toEqual([]);
      expect(on.host.events().map(({ event }) => event)).toEqual(['offer']);
      await nothingGranted(stage, stage.desk, [{ device, name: device.name }]);
      await rightOnePairs(on, device);
    } finally {
      await on.end();
    }
  });

  it('B08 a QR code whose k, or hc, or both are not those of the offer: nothing is sent', async () => {
    const on = await stage.open();
    const device = stage.machine();
    try {
      for (const change of [
        flip('ephemeral_pubkey'),
        () => ({ host_commit: b64(32) }),
        swapped('ephemeral_pubkey', 'host_commit'),
      ]) {
        on.meddle(offerWith(change));
        expect(await endOf(on.join({ device, given: 'uri' }).joiner)).toBe('1 pairing/host-key-mismatch');
      }
      expect(on.adversary.seen.filter(({ label }) => /^joiner (?:response|send)/.test(label))).toEqual([]);
      expect(on.host.events().map(({ event }) => event)).toEqual(['offer']);
      await nothingGranted(stage, stage.desk, [{ device, name: device.name }]);
    } finally {
      await on.end();
    }
  });

  it('B14 a forged abort: ended by the other side or the relay, nothing kept, and nobody is revoked by it', async () => {
    const abort = wordWith(({ attempt }) => ({ attempt, result: 'abort' }));
    const device = stage.machine();
    const before = await stage.open();
    const forged: Joining[] = [];
    try {
      before.meddle(abort);
      const one = before.join({ device });
      forged.push(one);
      expect(await endOf(one.joiner)).toBe('6 pairing/cancelled');
      expect(await errorOf(one.joiner)).toContain('ended by the other side or the relay');
      await nothingGranted(stage, stage.desk, forged);
    } finally {
      await before.end();
    }
    const honest = await stage.open();
    try {
      await rightOnePairs(honest, device);
    } finally {
      await honest.end();
    }
    const again = await stage.open({ change: abort });
    try {
      expect(await endOf(again.join({ device }).joiner)).toBe('6 pairing/cancelled');
    } finally {
      await again.end();
    }
    // What was granted before stands at both.
    expect(await device.data('whoami')).toMatchObject({
      device_status: 'active',
      controller_did: stage.did(stage.desk),
    });
  });
});
