/** What the tests of single threats share: event texts by number, signed, and the refusal of a stream. */
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { utf8 } from '../../src/encoding/text.ts';
import { type KelVerdict, type ReplayOptions, replay } from '../../src/keri/key-state.ts';
import { encodeCesr } from '../../src/encoding/cesr.ts';
import {
  type FramedEvent,
  key,
  next,
  nodeEngine,
  resaid,
  seed,
  signedBy,
  streamOf,
  witness,
} from './support.ts';

const dummy = '#'.repeat(44);

export type Refused = readonly [verdict: string, at: number | null, rule: string | null];

export const judged = (messages: readonly FramedEvent[], more: Partial<ReplayOptions> = {}): KelVerdict =>
  replay(streamOf(messages), { engine: nodeEngine, ...more });

export const refusal = (messages: readonly FramedEvent[], more: Partial<ReplayOptions> = {}): Refused => {
  const { verdict, at, rule } = judged(messages, more);
  return [verdict, at, rule];
};

/** An event text hashed again and signed by the keys of these numbers, each at its place. */
export const signed = (text: string, ...signers: readonly number[]): FramedEvent => {
  const event = resaid(text);
  return { event, attachments: signedBy(utf8(event), ...signers.map(seed)) };
};

export const textOf = ({ event }: FramedEvent): string =>
  typeof event === 'string' ? event : new TextDecoder().decode(event);
export const saidIn = (message: FramedEvent): string => (JSON.parse(textOf(message)) as { d: string }).d;
export const prefixIn = (message: FramedEvent): string => (JSON.parse(textOf(message)) as { i: string }).i;

/** The text of an event after `prior`, before hashing. Keys, digests and witnesses by number. */
export function after(
  prior: FramedEvent,
  s: number | string,
  fields: {
    readonly t?: string;
    readonly kt?: string;
    readonly k?: readonly number[];
    readonly nt?: string;
    readonly n?: readonly number[];
    readonly bt?: string;
    readonly br?: readonly string[];
    readonly ba?: readonly string[];
    readonly a?: string;
  } = {},
): string {
  const { t = 'ixn', a = '[]' } = fields;
  const head = `{"v":"KERI10JSON000000_","t":"${t}","d":"${dummy}","i":"${prefixIn(prior)}","s":"${typeof s === 'number' ? s.toString(16) : s}","p":"${saidIn(prior)}"`;
  if (t === 'ixn') return `${head},"a":${a}}`;
  const { kt = '"1"', k = [2], nt = '"1"', n = [3], bt = '"0"', br = [], ba = [] } = fields;
  return `${head},"kt":${kt},"k":${JSON.stringify(k.map(key))},"nt":${nt},"n":${JSON.stringify(n.map(next))},"bt":${bt},"br":${JSON.stringify(br)},"ba":${JSON.stringify(ba)},"a":${a}}`;
}

/** A -C couple of the witness with this number over these bytes. */
export const couple = (over: FramedEvent | string, n: number): string => {
  const bytes = utf8(typeof over === 'string' ? over : textOf(over));
  return `${witness(n)}${encodeCesr('0B', signEd25519(seed(n), bytes))}`;
};
export const couples = (over: FramedEvent | string, ...ns: readonly number[]): string =>
  `-CA${'ABCDEFGHIJ'[ns.length] as string}${ns.map((n) => couple(over, n)).join('')}`;
export const withMore = (message: FramedEvent, attachments: string): FramedEvent => ({
  event: message.event,
  attachments: message.attachments + attachments,
});
/** The receipt message of an event, as text. */
export const rctText = (event: FramedEvent): string =>
  `{"v":"KERI10JSON000091_","t":"rct","d":"${saidIn(event)}","i":"${prefixIn(event)}","s":"${(JSON.parse(textOf(event)) as { s: string }).s}"}`;
