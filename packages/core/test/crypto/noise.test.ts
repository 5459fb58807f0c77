import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNoise, NOISE_MESSAGE_LIMIT, type NoiseOptions } from '../../src/crypto/noise.ts';
import { createNoiseCipher } from '../../src/crypto/noise-symmetric.ts';
import { x25519PublicKey } from '../../src/crypto/x25519.ts';
import { codeOf, flip, hex, load, seeded, toHex } from './vectors.ts';

interface NoiseRow {
  readonly protocol_name: string;
  readonly init_prologue: string;
  readonly init_psks?: readonly string[];
  readonly init_static: string;
  readonly init_ephemeral: string;
  readonly resp_prologue: string;
  readonly resp_psks?: readonly string[];
  readonly resp_static: string;
  readonly resp_ephemeral: string;
  readonly handshake_hash?: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

function optionsOf(row: NoiseRow, initiator: boolean): NoiseOptions {
  const [, pattern = '', , , hash] = row.protocol_name.split('_');
  return {
    pattern,
    hash: hash as 'SHA256' | 'BLAKE2s',
    initiator,
    prologue: hex(initiator ? row.init_prologue : row.resp_prologue),
    static: hex(initiator ? row.init_static : row.resp_static),
    ephemeral: hex(initiator ? row.init_ephemeral : row.resp_ephemeral),
    psk: ((initiator ? row.init_psks : row.resp_psks) ?? []).map(hex),
  };
}

describe('published vectors', () => {
  const { vectors } = load<NoiseRow>('noise-xx.json');

  it('holds four of them', () => expect(vectors.length).toBe(4));

  it.each(vectors)('$protocol_name: every message, the hash and the transport', (row) => {
    const initiator = createNoise(optionsOf(row, true));
    const responder = createNoise(optionsOf(row, false));
    for (const [i, { payload, ciphertext }] of row.messages.slice(0, 3).entries()) {
      const [from, to] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
      const message = from.write(hex(payload));
      expect([i, toHex(message)]).toEqual([i, ciphertext]);
      expect(toHex(to.read(message))).toBe(payload);
    }
    expect([initiator.finished, responder.finished]).toEqual([true, true]);
    if (row.handshake_hash !== undefined) expect(toHex(initiator.hash)).toBe(row.handshake_hash);
    expect(toHex(responder.hash)).toBe(toHex(initiator.hash));
    expect(toHex(initiator.remoteStatic ?? hex(''))).toBe(toHex(x25519PublicKey(hex(row.resp_static))));
    expect(toHex(responder.remoteStatic ?? hex(''))).toBe(toHex(x25519PublicKey(hex(row.init_static))));
    const { k1, k2 } = initiator.split();
    expect(responder.split()).toEqual({ k1, k2 });
    const toResponder = [createNoiseCipher(k1), createNoiseCipher(k1)] as const;
    const toInitiator = [createNoiseCipher(k2), createNoiseCipher(k2)] as const;
    for (const [i, { payload, ciphertext }] of row.messages.slice(3).entries()) {
      // Message 3 was the initiator's, so the transport starts with the responder.
      const [sender, receiver] = i % 2 === 0 ? toInitiator : toResponder;
      expect([i, toHex(sender.encrypt(hex(payload)))]).toEqual([i, ciphertext]);
      expect(toHex(receiver.decrypt(hex(ciphertext)))).toBe(payload);
    }
    expect(row.messages.length).toBeGreaterThan(3);
  });
});

function pair(pattern: string, seed: number, change: Partial<NoiseOptions> = {}) {
  const draw = seeded(seed);
  const psk = pattern === 'XX' ? [] : [draw(32)];
  const make = (initiator: boolean, more: Partial<NoiseOptions> = {}) =>
    createNoise({
      pattern,
      initiator,
      prologue: Uint8Array.of(1, 2, 3),
      static: draw(32),
      ephemeral: draw(32),
      psk,
      ...more,
    });
  return { initiator: make(true), responder: make(false, change), psk };
}

describe('what must not pass', () => {
  const patterns = ['XX', 'XXpsk0', 'XXpsk2', 'XXpsk3'] as const;

  it('any flipped bit, cut or added byte is refused, and the true message still works', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...patterns),
        fc.nat(),
        fc.integer({ min: 0, max: 2 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom('flip', 'cut', 'add'),
        (pattern, n, at, payload, how) => {
          const { initiator, responder } = pair(pattern, n);
          for (let i = 0; i < 3; i++) {
            const [from, to] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
            const message = from.write(payload);
            // Message 1 of XX is in clear: only what comes after it can show that it was changed.
            if (i === at && (i > 0 || pattern === 'XXpsk0')) {
              const before = [toHex(to.hash), to.remoteStatic, to.finished];
              const changed =
                how === 'flip'
                  ? flip(message, n % (message.length * 8))
                  : how === 'cut'
                    ? message.slice(0, n % message.length)
                    : Uint8Array.of(...message, 0);
              // The top bit of an X25519 key is not part of it, but it is part of the transcript.
              expect(codeOf(() => to.read(changed))).toBe('pairing/channel-tampered');
              expect([toHex(to.hash), to.remoteStatic, to.finished]).toEqual(before);
            }
            expect(toHex(to.read(message))).toBe(toHex(payload));
          }
          expect(initiator.split()).toEqual(responder.split());
        },
      ),
      { numRuns: 80 },
    );
  });

  it('a changed first message is found at the second', () => {
    const { initiator, responder } = pair('XX', 5);
    responder.read(flip(initiator.write(), 77));
    expect(codeOf(() => initiator.read(responder.write()))).toBe('pairing/channel-tampered');
  });

  it('another prologue or psk is found', () => {
    const other = pair('XX', 6, { prologue: Uint8Array.of(9) });
    other.responder.read(other.initiator.write());
    expect(codeOf(() => other.initiator.read(other.responder.write()))).toBe('pairing/channel-tampered');
    const psk = pair('XXpsk3', 7, { psk: new Uint8Array(32).fill(1) });
    psk.responder.read(psk.initiator.write());
    psk.initiator.read(psk.responder.write());
    expect(codeOf(() => psk.responder.read(psk.initiator.write()))).toBe('pairing/channel-tampered');
  });

  it('a small-order ephemeral or a reflected one gains nothing', () => {
    const { responder } = pair('XX', 8);
    responder.read(new Uint8Array(32));
    expect(codeOf(() => responder.write())).toBe('pairing/weak-key');
    const { initiator } = pair('XX', 9);
    const first = initiator.write();
    expect(codeOf(() => initiator.read(Uint8Array.of(...first, ...new Uint8Array(64))))).toBe(
      'pairing/channel-tampered',
    );
  });

  it('messages above 65,535 bytes are neither written nor read', () => {
    const { initiator, responder } = pair('XX', 10);
    expect(codeOf(() => initiator.write(new Uint8Array(NOISE_MESSAGE_LIMIT - 31)))).toBe(
      'pairing/payload-too-large',
    );
    expect(codeOf(() => responder.read(new Uint8Array(65_536)))).toBe('pairing/payload-too-large');
    const largest = initiator.write(new Uint8Array(NOISE_MESSAGE_LIMIT - 32));
    expect(largest.length).toBe(65_535);
    expect(responder.read(largest).length).toBe(65_503);
  });

  it('keeps nothing of the memory that a message came in', () => {
    const { initiator, responder } = pair('XXpsk3', 12);
    for (let i = 0; i < 3; i++) {
      const [from, to] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
      const received = Buffer.from(from.write(hex('aabbcc')));
      const payload = to.read(received);
      received.fill(0);
      expect(toHex(payload)).toBe('aabbcc');
    }
    expect(initiator.split()).toEqual(responder.split());
  });

  it('out of turn, unfinished, unknown patterns and missing psks are our own mistakes', () => {
    const { initiator, responder } = pair('XX', 11);
    expect(codeOf(() => initiator.read(new Uint8Array(32)))).toBe('internal/bug');
    expect(codeOf(() => responder.write())).toBe('internal/bug');
    expect(codeOf(() => initiator.split())).toBe('internal/bug');
    initiator.write();
    expect(codeOf(() => initiator.write())).toBe('internal/bug');
    const base = {
      initiator: true,
      prologue: hex(''),
      static: new Uint8Array(32).fill(1),
      ephemeral: new Uint8Array(32).fill(2),
    };
    for (const pattern of ['NN', 'XXpsk4', 'XXpsk', 'XXpsk0psk3', 'XXpsk3+', 'xx']) {
      expect(codeOf(() => createNoise({ ...base, pattern }))).toBe('internal/bug');
    }
    expect(codeOf(() => createNoise({ ...base, pattern: 'XXpsk3' }))).toBe('internal/bug');
    expect(codeOf(() => createNoise({ ...base, pattern: 'XX', psk: new Uint8Array(32) }))).toBe(
      'internal/bug',
    );
    expect(codeOf(() => createNoise({ ...base, pattern: 'XXpsk3', psk: new Uint8Array(31) }))).toBe(
      'internal/bug',
    );
  });
});

describe('a responder that learns who is there in message 3', () => {
  it('chooses the psk by the static key it has just read', () => {
    const draw = seeded(42);
    const psk = draw(32);
    const deviceStatic = draw(32);
    const asked: string[] = [];
    const initiator = createNoise({
      pattern: 'XXpsk3',
      initiator: true,
      prologue: hex('00'),
      static: deviceStatic,
      ephemeral: draw(32),
      psk,
    });
    const responder = createNoise({
      pattern: 'XXpsk3',
      initiator: false,
      prologue: hex('00'),
      static: draw(32),
      ephemeral: draw(32),
      psk: (remoteStatic) => {
        asked.push(toHex(remoteStatic));
        return psk;
      },
    });
    responder.read(initiator.write());
    initiator.read(responder.write());
    expect(asked).toEqual([]);
    responder.read(initiator.write());
    expect(asked).toEqual([toHex(x25519PublicKey(deviceStatic))]);
    expect(initiator.split()).toEqual(responder.split());
  });
});
