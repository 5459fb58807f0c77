/** Real, signed key events for tests: keys from a number, so that two processes make the same log. */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { incept, interact, nextDigestOf, rotate, storedEvent, type BuiltEvent } from '@auths/core/keri/build';
import { concat } from '@auths/core/encoding/bytes';
import { latin1 } from '@auths/core/encoding/text';
import type { Prefix, Said } from '@auths/core/identifiers';
import type { StoredEvent } from '@auths/core/ports';

export interface SampleKey {
  /** 32 bytes. */
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** The key of this name: the same everywhere. */
export function sampleKey(name: string): SampleKey {
  const seed = createHash('sha256').update(`auths sample ${name}`).digest();
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    seed: new Uint8Array(seed),
    publicKey: new Uint8Array(publicKey.subarray(12)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

/** A log whose inception is of the key `<name>/0`, grown one event at a time. */
export interface SampleLog {
  readonly prefix: Prefix;
  readonly events: readonly StoredEvent[];
  /** The same log with one ixn more, sealing a digest made from `mark`. */
  interact(mark: string): SampleLog;
  /** The same log with one rotation more. */
  rotate(): SampleLog;
  /** The first `count` events. */
  cut(count: number): SampleLog;
}

export function sampleLog(name: string): SampleLog {
  const key = sampleKey(`${name}/0`);
  const built = incept({ key: key.publicKey, nextDigest: nextDigestOf(sampleKey(`${name}/1`).publicKey) });
  return grown(name, built.prefix, [signed(built, key)], [0]);
}

/** A log of `count` events, all after the first interactions. */
export function sampleLogOf(name: string, count: number): SampleLog {
  let log = sampleLog(name);
  while (log.events.length < count) log = log.interact(`mark ${log.events.length}`);
  return log;
}

/** The event that continues a log whose tip is (sequence, said), signed by the first key of `name`. */
export function sampleInteraction(
  name: string,
  prefix: Prefix,
  sequence: number,
  prior: Said,
  mark: string,
): StoredEvent {
  const seal = { d: nextDigestOf(createHash('sha256').update(mark).digest()) };
  return signed(interact({ prefix, sequence, prior, seals: [seal] }), sampleKey(`${name}/0`));
}

/** All messages as one CESR stream. */
export function streamOf(events: readonly StoredEvent[]): Uint8Array {
  return concat(...events.flatMap(({ event, attachments }) => [event, latin1(attachments)]));
}

/** `generations[s]` is the number of the key in force after the event at s. */
function grown(
  name: string,
  prefix: Prefix,
  events: readonly StoredEvent[],
  generations: readonly number[],
): SampleLog {
  const sequence = events.length;
  const prior = (events.at(-1) as StoredEvent).said;
  const generation = generations.at(-1) as number;
  return {
    prefix,
    events,
    interact(mark) {
      const seal = { d: nextDigestOf(createHash('sha256').update(mark).digest()) };
      const built = interact({ prefix, sequence, prior, seals: [seal] });
      const event = signed(built, sampleKey(`${name}/${generation}`));
      return grown(name, prefix, [...events, event], [...generations, generation]);
    },
    rotate() {
      const key = sampleKey(`${name}/${generation + 1}`);
      const nextDigest = nextDigestOf(sampleKey(`${name}/${generation + 2}`).publicKey);
      const built = rotate({ prefix, sequence, prior, key: key.publicKey, nextDigest });
      return grown(name, prefix, [...events, signed(built, key)], [...generations, generation + 1]);
    },
    cut: (count) => grown(name, prefix, events.slice(0, count), generations.slice(0, count)),
  };
}

function signed(built: BuiltEvent, key: SampleKey): StoredEvent {
  return storedEvent(built, [{ index: 0, signature: key.sign(built.event) }]);
}
