import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ratchetDecrypt,
  ratchetEncrypt,
  startAsAlice,
  startAsBob,
  SKIP_LIMIT,
  STORED_LIMIT,
  type RatchetMessage,
  type RatchetState,
} from '../../src/crypto/ratchet.ts';
import { x25519PublicKey } from '../../src/crypto/x25519.ts';
import { codeOf, flip, hex, load, seeded, toHex } from './vectors.ts';

type Op =
  | { readonly op: 'send-rejected'; readonly from: Name }
  | {
      readonly op: 'send';
      readonly from: Name;
      readonly plaintext: string;
      readonly header: string;
      readonly ct: string;
    }
  | { readonly op: 'recv'; readonly to: Name; readonly message: number; readonly result: string }
  | {
      readonly op: 'recv-raw';
      readonly to: Name;
      readonly header: string;
      readonly ct: string;
      readonly result: string;
      readonly why: string;
    };
type Name = 'alice' | 'bob';

interface Script {
  readonly SK: string;
  readonly ad: string;
  readonly bob_ratchet_priv: string;
  readonly ratchet_privs_in_order_of_use: readonly string[];
  readonly max_skip: number;
  readonly ops: readonly Op[];
}

const never = (): Uint8Array => {
  throw new Error('a ratchet key was drawn for a message that is not genuine');
};

/** Two parties over one ratchet; `random` is what both draw from. */
function start(seed: number) {
  const draw = seeded(seed);
  const root = draw(32);
  const chanId = draw(32);
  const bobSecret = draw(32);
  return {
    alice: startAsAlice(root, chanId, x25519PublicKey(bobSecret), draw(32)),
    bob: startAsBob(root, chanId, bobSecret),
    fresh: () => draw(32),
  };
}

/** `count` messages of `state`, and the state after them. */
function burst(state: RatchetState, count: number): { messages: RatchetMessage[]; state: RatchetState } {
  const messages: RatchetMessage[] = [];
  let current = state;
  for (let i = 0; i < count; i++) {
    const sent = ratchetEncrypt(current, Uint8Array.of(i & 255, i >> 8));
    messages.push(sent);
    current = sent.state;
  }
  return { messages, state: current };
}

describe('auths-dr-1-kat.json', () => {
  const { vectors } = load<Script>('auths-dr-1-kat.json');

  it.each(vectors)('every operation of the script, value by value', (script) => {
    expect(script.max_skip).toBe(SKIP_LIMIT);
    const privs = script.ratchet_privs_in_order_of_use.map(hex);
    const next = () => privs.shift() ?? never();
    const bobSecret = hex(script.bob_ratchet_priv);
    const states: Record<Name, RatchetState> = {
      alice: startAsAlice(hex(script.SK), hex(script.ad), x25519PublicKey(bobSecret), next()),
      bob: startAsBob(hex(script.SK), hex(script.ad), bobSecret),
    };
    const sent: { message: RatchetMessage; plaintext: string }[] = [];
    let checked = 0;
    let rejected = 0;
    for (const op of script.ops) {
      if (op.op === 'send-rejected') {
        expect(codeOf(() => ratchetEncrypt(states[op.from], hex('00')))).toBe('pairing/protocol-violation');
        rejected++;
      } else if (op.op === 'send') {
        const message = ratchetEncrypt(states[op.from], hex(op.plaintext));
        states[op.from] = message.state;
        expect({ header: toHex(message.header), ct: toHex(message.ciphertext) }).toEqual({
          header: op.header,
          ct: op.ct,
        });
        sent.push({ message, plaintext: op.plaintext });
      } else if (op.op === 'recv') {
        const item = sent[op.message];
        if (item === undefined) throw new Error('the script names a message that was not sent');
        const received = ratchetDecrypt(states[op.to], item.message, next);
        states[op.to] = received.state;
        expect(toHex(received.plaintext)).toBe(item.plaintext);
        expect(op.result).toBe('ok');
      } else {
        expect(op.result).toBe('reject');
        const message = { header: hex(op.header), ciphertext: hex(op.ct) };
        expect([op.why, codeOf(() => ratchetDecrypt(states[op.to], message, never))]).toEqual([
          op.why,
          'pairing/channel-tampered',
        ]);
        rejected++;
      }
      checked++;
    }
    process.stdout.write(`auths-dr-1-kat: ${checked} operations, ${rejected} of them rejections\n`);
    expect([checked, rejected]).toEqual([24, 8]);
    expect(privs.length).toBe(0);
  });
});

describe('no state change', () => {
  it('any flipped bit of header or ciphertext is refused, draws no key, and the true message still opens', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), (n, turns) => {
        const { alice, bob, fresh } = start(n);
        const states = { alice, bob };
        for (const [i, fromBob] of [false, ...turns].entries()) {
          const [from, to] = fromBob ? (['bob', 'alice'] as const) : (['alice', 'bob'] as const);
          const plaintext = Uint8Array.of(i, n & 255);
          const message = ratchetEncrypt(states[from], plaintext);
          states[from] = message.state;
          const bits = (message.header.length + message.ciphertext.length) * 8;
          const at = (n * 31 + i * 97) % bits;
          const forged =
            at < message.header.length * 8
              ? { ...message, header: flip(message.header, at) }
              : { ...message, ciphertext: flip(message.ciphertext, at - message.header.length * 8) };
          const before = structuredClone(states[to]);
          expect(codeOf(() => ratchetDecrypt(states[to], forged, never))).toBe('pairing/channel-tampered');
          expect(states[to]).toEqual(before);
          const received = ratchetDecrypt(states[to], message, fresh);
          states[to] = received.state;
          expect(toHex(received.plaintext)).toBe(toHex(plaintext));
          expect(codeOf(() => ratchetDecrypt(states[to], message, never))).toBe('pairing/channel-tampered');
        }
      }),
      { numRuns: 60 },
    );
  });

  it('a forged ratchet key of small order is refused like any other forgery', () => {
    const { alice, bob } = start(3);
    const message = ratchetEncrypt(alice, hex('aa'));
    const header = Uint8Array.from(message.header);
    header.fill(0, 0, 32);
    expect(codeOf(() => ratchetDecrypt(bob, { ...message, header }, never))).toBe('pairing/channel-tampered');
  });

  it('another chan_id opens nothing', () => {
    const { alice, bob } = start(4);
    const message = ratchetEncrypt(alice, hex('aa'));
    const elsewhere = { ...bob, chanId: new Uint8Array(32) };
    expect(codeOf(() => ratchetDecrypt(elsewhere, message, never))).toBe('pairing/channel-tampered');
  });
});

describe('order and limits', () => {
  it('delivers any order of a burst exactly once', () => {
    fc.assert(
      fc.property(fc.nat(), fc.shuffledSubarray([...Array(50).keys()], { minLength: 1 }), (n, order) => {
        const { alice, bob, fresh } = start(n);
        const { messages } = burst(alice, 50);
        let state = bob;
        for (const i of order) {
          const message = messages[i] as RatchetMessage;
          const received = ratchetDecrypt(state, message, fresh);
          expect(received.plaintext[0]).toBe(i);
          state = received.state;
          expect(codeOf(() => ratchetDecrypt(state, message, never))).toBe('pairing/channel-tampered');
        }
      }),
      { numRuns: 15 },
    );
  });

  it('skips 256 in one step and not 257', () => {
    const { alice, bob, fresh } = start(9);
    const { messages } = burst(alice, SKIP_LIMIT + 2);
    const at = (i: number) => messages[i] as RatchetMessage;
    expect(codeOf(() => ratchetDecrypt(bob, at(SKIP_LIMIT + 1), never))).toBe('pairing/channel-tampered');
    const far = ratchetDecrypt(bob, at(SKIP_LIMIT), fresh);
    expect(far.state.stored.size).toBe(SKIP_LIMIT);
    expect(ratchetDecrypt(far.state, at(0), never).plaintext[0]).toBe(0);
  });

  it('keeps 1,024 keys over all steps and refuses the message that needs one more', () => {
    const { alice, bob, fresh } = start(10);
    const { messages } = burst(alice, STORED_LIMIT + 10);
    const at = (i: number) => messages[i] as RatchetMessage;
    let state = bob;
    let next = 0;
    while (state.stored.size < STORED_LIMIT) {
      next += SKIP_LIMIT;
      state = ratchetDecrypt(state, at(next), fresh).state;
      next += 1;
    }
    expect(state.stored.size).toBe(STORED_LIMIT);
    const before = structuredClone(state);
    expect(codeOf(() => ratchetDecrypt(state, at(next + 1), never))).toBe('pairing/channel-tampered');
    expect(state).toEqual(before);
    // In order nothing is skipped, so the channel goes on; and a late one frees its place.
    expect(ratchetDecrypt(state, at(next), never).plaintext).toEqual(Uint8Array.of(next & 255, next >> 8));
    const freed = ratchetDecrypt(state, at(0), never).state;
    expect(ratchetDecrypt(freed, at(next + 1), never).state.stored.size).toBe(STORED_LIMIT);
  });

  it('counts the messages missing at the end of the old chain as well', () => {
    const { alice, bob, fresh } = start(11);
    const first = burst(alice, 300);
    const at = (i: number) => first.messages[i] as RatchetMessage;
    const bobState = ratchetDecrypt(bob, at(0), fresh).state;
    const reply = ratchetEncrypt(bobState, hex('01'));
    const aliceState = ratchetDecrypt(first.state, reply, fresh).state;
    const turned = ratchetEncrypt(aliceState, hex('02'));
    // 299 of the old chain are missing.
    expect(codeOf(() => ratchetDecrypt(reply.state, turned, never))).toBe('pairing/channel-tampered');
    const caughtUp = ratchetDecrypt(reply.state, at(100), never).state;
    expect(ratchetDecrypt(caughtUp, turned, fresh).state.stored.size).toBe(298);
  });

  it('never goes back, even for a peer that numbers its own messages wrongly', () => {
    const { alice, bob, fresh } = start(14);
    const first = burst(alice, 3);
    let state = bob;
    for (const message of first.messages) state = ratchetDecrypt(state, message, fresh).state;
    // A genuine key of the next message under a number that was used before.
    const again = ratchetEncrypt({ ...first.state, sent: 1 }, hex('00'));
    expect(codeOf(() => ratchetDecrypt(state, again, never))).toBe('pairing/channel-tampered');
    expect(ratchetDecrypt(state, ratchetEncrypt(first.state, hex('07')), never).plaintext).toEqual(hex('07'));
  });

  it('ends with message 2^32', () => {
    const { alice } = start(12);
    const last = ratchetEncrypt({ ...alice, sent: 0xffffffff }, hex('00'));
    expect(toHex(last.header.subarray(36))).toBe('ffffffff');
    expect(codeOf(() => ratchetEncrypt(last.state, hex('00')))).toBe('pairing/session-expired');
  });

  it('refuses headers of any other length', () => {
    const { alice, bob } = start(13);
    const message = ratchetEncrypt(alice, hex('00'));
    for (const header of [hex(''), message.header.slice(0, 39), Uint8Array.of(...message.header, 0)]) {
      expect(codeOf(() => ratchetDecrypt(bob, { ...message, header }, never))).toBe(
        'pairing/channel-tampered',
      );
    }
  });
});

describe('conversation', () => {
  it('opens whatever the two say, in turns and late', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(fc.record({ fromAlice: fc.boolean(), late: fc.boolean() }), { maxLength: 30 }),
        (n, steps) => {
          const { alice, bob, fresh } = start(n);
          const states = { alice, bob };
          const late: { to: Name; message: RatchetMessage; plaintext: Uint8Array }[] = [];
          const deliver = (to: Name, message: RatchetMessage, plaintext: Uint8Array) => {
            const received = ratchetDecrypt(states[to], message, fresh);
            states[to] = received.state;
            expect(toHex(received.plaintext)).toBe(toHex(plaintext));
          };
          for (const [i, step] of [{ fromAlice: true, late: false }, ...steps].entries()) {
            const [from, to] = step.fromAlice ? (['alice', 'bob'] as const) : (['bob', 'alice'] as const);
            const plaintext = Uint8Array.of(i);
            const message = ratchetEncrypt(states[from], plaintext);
            states[from] = message.state;
            if (step.late) late.push({ to, message, plaintext });
            else deliver(to, message, plaintext);
          }
          for (const { to, message, plaintext } of late) deliver(to, message, plaintext);
          expect([states.alice.stored.size, states.bob.stored.size]).toEqual([0, 0]);
        },
      ),
      { numRuns: 40 },
    );
  });
});
