/** What the tests of this folder share: real engines, deterministic keys, readers of the vector files. */
import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { publicKeyOf, pureVerifyEngine, signEd25519 } from '../../src/crypto/ed25519.ts';
import { decodeCesrFixed, encodeCesr } from '../../src/encoding/cesr.ts';
import { concat, fromHex } from '../../src/encoding/bytes.ts';
import { utf8 } from '../../src/encoding/text.ts';
import type { StoredEvent, VerifyEngine } from '../../src/ports.ts';
import {
  type BuiltEvent,
  attachSignatures,
  incept,
  interact,
  nextDigestOf,
  rotate,
} from '../../src/keri/build.ts';
import { encodeCounter, encodeIndexedSignature } from '../../src/keri/attach.ts';
import { SAID_LENGTH, saidOf } from '../../src/keri/said.ts';

const SPKI = fromHex('302a300506032b6570032100');

/** OpenSSL's equation, as the product uses it under Node. */
export const nodeEngine: VerifyEngine = {
  verify(publicKey, message, signature) {
    try {
      const key = createPublicKey({ key: Buffer.from(concat(SPKI, publicKey)), format: 'der', type: 'spki' });
      return verify(null, message, key, signature);
    } catch {
      return false;
    }
  },
};
export const engines: readonly (readonly [string, VerifyEngine])[] = [
  ['node:crypto', nodeEngine],
  ['pure', pureVerifyEngine],
];

export interface VectorMessage {
  readonly event: string;
  readonly attachments: string;
  readonly said?: string;
}
export interface VectorKey {
  readonly seed_hex: string;
  readonly public_qb64: string;
}
// oxlint-disable-next-line typescript/no-explicit-any -- vectors are open data
export type Vector = Readonly<Record<string, any>> & { readonly id: string; readonly title: string };

export function loadVectors(file: string): readonly Vector[] {
  const url = new URL(`../vectors/keri/${file}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { vectors: readonly Vector[] }).vectors;
}

export function frame(messages: readonly VectorMessage[]): { event: Uint8Array; attachments: string }[] {
  return messages.map(({ event, attachments }) => ({ event: utf8(event), attachments }));
}

export function streamOf(
  messages: readonly { event: string | Uint8Array; attachments: string }[],
): Uint8Array {
  return concat(
    ...messages.flatMap(({ event, attachments }) => [
      typeof event === 'string' ? utf8(event) : event,
      utf8(attachments),
    ]),
  );
}

/** The value that a test knows to be there. */
export function some<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a test relies on a value that is not there');
  return value;
}

/** A deterministic seed for tests. */
export function seed(n: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(n & 0xff);
  bytes[0] = n >> 8;
  return bytes;
}
export const keyOf = (n: number): Uint8Array => publicKeyOf(seed(n));

/** Signs with the seeds at their places: index, or [index, ondex]. */
export function signedBy(
  event: Uint8Array,
  ...seeds: readonly (Uint8Array | readonly [Uint8Array, number, number | null])[]
): string {
  const texts = seeds.map((entry, i) => {
    const [secret, index, ondex] = entry instanceof Uint8Array ? [entry, i, i] : entry;
    return encodeIndexedSignature(index, ondex, signEd25519(secret, event));
  });
  return encodeCounter('A', texts.length) + texts.join('');
}

export function store(built: BuiltEvent, ...seeds: readonly Uint8Array[]): StoredEvent {
  const signatures = seeds.map((secret, index) => ({ index, signature: signEd25519(secret, built.event) }));
  return {
    sequence: built.sequence,
    said: built.said,
    event: built.event,
    attachments: attachSignatures(signatures),
  };
}

/**
 * A single-key log by plan: `i` an ixn, `r` a rotation. Keys are seed(base), seed(base + 1), … in turn;
 * `seal` distinguishes rivals.
 */
export function buildLog(plan: string, base: number = 1, seal: string = 'x'): StoredEvent[] {
  let key = base;
  const first = incept({ key: keyOf(key), nextDigest: nextDigestOf(keyOf(key + 1)) });
  const log = [store(first, seed(key))];
  let prior = first;
  for (const [i, kind] of plan.split('').entries()) {
    const at = { prefix: first.prefix, sequence: i + 1, prior: prior.said };
    if (kind === 'r') key++;
    prior =
      kind === 'r'
        ? rotate({
            ...at,
            key: keyOf(key),
            nextDigest: nextDigestOf(keyOf(key + 1)),
            seals: [{ note: seal }],
          })
        : interact({ ...at, seals: [{ note: seal, n: i }] });
    log.push(store(prior, seed(key)));
  }
  return log;
}

/** Sizes and hashes an event text again after a change; `{"v":"KERI10JSON000000_","t":…` with any d (and i). */
export function resaid(text: string, options: { selfAddressing?: boolean } = {}): string {
  const icp = options.selfAddressing ?? /"t":"(?:icp|dip)"/.test(text);
  const size = utf8(text).length.toString(16).padStart(6, '0');
  const sized = text.replace(/KERI10JSON[0-9a-f]{6}_/, `KERI10JSON${size}_`);
  const d = sized.indexOf('"d":"') + 5;
  const i = sized.indexOf('"i":"') + 5;
  const said = saidOf(utf8(sized), icp ? [d, i] : [d]);
  const put = (into: string, at: number): string => into.slice(0, at) + said + into.slice(at + SAID_LENGTH);
  return icp ? put(put(sized, d), i) : put(sized, d);
}

export function seedOf(key: VectorKey): Uint8Array {
  return fromHex(key.seed_hex);
}
export { decodeCesrFixed };

export interface FramedEvent {
  readonly event: string | Uint8Array;
  readonly attachments: string;
}
export const key = (n: number): string => encodeCesr('D', keyOf(n));
export const witness = (n: number): string => encodeCesr('B', keyOf(n));
export const next = (n: number): string => nextDigestOf(keyOf(n));

/** Event texts with dummies for size and SAID; fields by their JSON text or the numbers of test keys. */
export const body = {
  icp({ kt = '"1"', k = [1], nt = '"1"', n = [2], bt = '"0"', b = [] as readonly number[] } = {}): string {
    const dummy = '#'.repeat(SAID_LENGTH);
    return `{"v":"KERI10JSON000000_","t":"icp","d":"${dummy}","i":"${dummy}","s":"0","kt":${kt},"k":${JSON.stringify(k.map(key))},"nt":${nt},"n":${JSON.stringify(n.map(next))},"bt":${bt},"b":${JSON.stringify(b.map(witness))},"c":[],"a":[]}`;
  },
  ixn(base: StoredEvent, sequence: number): string {
    const { i } = JSON.parse(new TextDecoder().decode(base.event)) as { i: string };
    return `{"v":"KERI10JSON000000_","t":"ixn","d":"${'#'.repeat(SAID_LENGTH)}","i":"${i}","s":"${sequence.toString(16)}","p":"${base.said}","a":[]}`;
  },
};
