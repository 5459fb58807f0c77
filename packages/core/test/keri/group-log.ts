/** Logs with everything at once: groups with weights, partial rotations, witnesses that change, a delegator. By plan, from fixed keys. */
import * as fc from 'fast-check';
import { signEd25519 } from '../../src/crypto/ed25519.ts';
import { utf8 } from '../../src/encoding/text.ts';
import { encodeCounter, encodeIndexedSignature, encodeSequence } from '../../src/keri/attach.ts';
import { type FramedEvent, key, next, resaid, seed, some, witness } from './support.ts';

/** One event; numbers are taken modulo what is possible there. */
export interface Step {
  readonly ilk: 'ixn' | 'rot';
  /** Of the keys committed to, how many more than must are shown, and how many new ones beside them. */
  readonly shown: number;
  readonly fresh: number;
  /** How the signing and the next threshold are written. */
  readonly kt: number;
  readonly nt: number;
  readonly committed: number;
  readonly cut: number;
  readonly add: number;
  readonly bt: number;
}

export interface Plan {
  readonly delegated: boolean;
  readonly witnesses: number;
  readonly steps: readonly Step[];
}

/** The end of a log as KERI names it. */
export interface GroupState {
  readonly s: number;
  readonly d: string;
  readonly k: readonly string[];
  readonly kt: unknown;
  readonly n: readonly string[];
  readonly nt: unknown;
  readonly b: readonly string[];
  readonly bt: number;
}

export interface GroupLog {
  readonly prefix: string;
  readonly messages: readonly FramedEvent[];
  readonly delegator: { readonly prefix: string; readonly messages: readonly FramedEvent[] } | null;
  readonly state: GroupState;
}

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });

export const steps: fc.Arbitrary<Step> = fc.record({
  ilk: fc.constantFrom('ixn' as const, 'rot' as const),
  shown: small(3),
  fresh: small(2),
  kt: small(5),
  nt: small(5),
  committed: small(3),
  cut: small(2),
  add: small(2),
  bt: small(4),
});

export const plans: fc.Arbitrary<Plan> = fc.record({
  delegated: fc.boolean(),
  witnesses: small(3),
  steps: fc.array(steps, { maxLength: 5 }),
});

/** The form with weights inside a weight. */
export const NESTED = 4;

const parts = (count: number): string =>
  JSON.stringify(Array.from({ length: count }, () => `1/${count}`)).replaceAll('1/1"', '1"');

/** A threshold over `n` places that all of them reach, in one of the forms. */
export function thresholdOf(form: number, n: number): string {
  switch (form % 6) {
    case 0:
      return `"${n.toString(16)}"`;
    case 1:
      return parts(n);
    case 2:
      return n === 1 ? '"1"' : JSON.stringify(['1', ...Array.from({ length: n - 1 }, () => '1/2')]);
    case 3:
      return n === 1 ? '["1"]' : `[${parts(1)},${parts(n - 1)}]`;
    case NESTED:
      return n < 3 ? parts(n) : `["1/2",{"1/2":${parts(n - 1)}}]`;
    default:
      return n < 2 ? '"1"' : `"${(n - 1).toString(16)}"`;
  }
}

const range = (from: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => from + i);
const field = (text: string): unknown => JSON.parse(text);
const names = (numbers: readonly number[], of: (n: number) => string): string =>
  JSON.stringify(numbers.map(of));
const text = (event: FramedEvent): string => event.event as string;
const idOf = (event: FramedEvent): { readonly i: string; readonly d: string } =>
  field(text(event)) as { i: string; d: string };

/** Builds the log of a plan; keys are numbered from `base`. */
export function buildGroup(plan: Plan, base = 1_000): GroupLog {
  let drawn = base;
  const draw = (count: number): readonly number[] => {
    drawn += count;
    return range(drawn - count, count);
  };
  const chief = plan.delegated ? delegatorOf(draw(1)[0] as number, draw(1)[0] as number) : null;
  let keys = draw(1 + (plan.steps[0]?.fresh ?? 0));
  let kt = thresholdOf(plan.steps[0]?.kt ?? 0, keys.length);
  let commitments = draw(1 + (plan.steps[0]?.committed ?? 0));
  let nt = thresholdOf(plan.steps[0]?.nt ?? 0, commitments.length);
  let members = draw(plan.witnesses);
  let bt = thresholdCount(plan.steps[0]?.bt ?? 0, members.length);
  const messages: FramedEvent[] = [];
  const push = (body: string, exposes: readonly number[] | null, establishes = true): void => {
    const event = resaid(body);
    const signed = { event, attachments: signedByGroup(event, keys, exposes, members) };
    messages.push(
      establishes && chief !== null
        ? { event, attachments: signed.attachments + chief.seal(signed) }
        : signed,
    );
  };

  const delegation = chief === null ? '' : `,"di":"${chief.prefix}"`;
  const dummy = '#'.repeat(44);
  const establishing = (): string =>
    `"kt":${kt},"k":${names(keys, key)},"nt":${nt},"n":${names(commitments, next)},"bt":"${bt.toString(16)}"`;
  push(
    `{"v":"KERI10JSON000000_","t":"${chief === null ? 'icp' : 'dip'}","d":"${dummy}","i":"${dummy}","s":"0",${establishing()},"b":${names(members, witness)},"c":[],"a":[]${delegation}}`,
    null,
  );
  const prefix = idOf(some(messages[0])).i;

  for (const step of plan.steps) {
    const head = `"d":"${dummy}","i":"${prefix}","s":"${messages.length.toString(16)}","p":"${idOf(some(messages.at(-1))).d}"`;
    if (step.ilk === 'ixn') {
      push(`{"v":"KERI10JSON000000_","t":"ixn",${head},"a":[{"n":${messages.length}}]}`, null, false);
      continue;
    }
    // All places of the commitment reach it in every form; a number may be reached by fewer.
    const must = nt.startsWith('"') ? Number.parseInt(field(nt) as string, 16) : commitments.length;
    const shown = commitments.slice(0, Math.min(commitments.length, must + step.shown));
    const before = commitments;
    keys = [...draw(step.fresh), ...shown];
    kt = thresholdOf(step.kt, keys.length);
    commitments = draw(1 + step.committed);
    nt = thresholdOf(step.nt, commitments.length);
    const cut = members.slice(0, Math.min(step.cut, members.length));
    const add = draw(step.add);
    members = [...members.slice(cut.length), ...add];
    bt = thresholdCount(step.bt, members.length);
    push(
      `{"v":"KERI10JSON000000_","t":"${chief === null ? 'rot' : 'drt'}",${head},${establishing()},"br":${names(cut, witness)},"ba":${names(add, witness)},"a":[]}`,
      before,
    );
  }
  return {
    prefix,
    messages,
    delegator: chief === null ? null : { prefix: chief.prefix, messages: chief.messages },
    state: {
      s: messages.length - 1,
      d: idOf(some(messages.at(-1))).d,
      k: keys.map(key),
      kt: field(kt),
      n: commitments.map(next),
      nt: field(nt),
      b: members.map(witness),
      bt,
    },
  };
}

function thresholdCount(wish: number, members: number): number {
  return members === 0 ? 0 : 1 + (wish % members);
}

/** Every key signs at its place, those that were committed to with the place there too; every witness receipts. */
function signedByGroup(
  event: string,
  keys: readonly number[],
  exposes: readonly number[] | null,
  members: readonly number[],
): string {
  const bytes = utf8(event);
  const controller = keys.map((n, index) => {
    const place = exposes?.indexOf(n) ?? index;
    return encodeIndexedSignature(index, place === -1 ? null : place, signEd25519(seed(n), bytes));
  });
  const receipts = members.map((n, index) =>
    encodeIndexedSignature(index, index, signEd25519(seed(n), bytes)),
  );
  return (
    encodeCounter('A', controller.length) +
    controller.join('') +
    (receipts.length === 0 ? '' : encodeCounter('B', receipts.length) + receipts.join(''))
  );
}

/** A delegator with one key, which seals events of its delegate. */
function delegatorOf(
  current: number,
  committed: number,
): {
  readonly prefix: string;
  readonly messages: FramedEvent[];
  /** Seals it and gives the -G couple that says where. */
  readonly seal: (event: FramedEvent) => string;
} {
  const dummy = '#'.repeat(44);
  const sign = (body: string): FramedEvent => {
    const event = resaid(body);
    return { event, attachments: signedByGroup(event, [current], null, []) };
  };
  const messages = [
    sign(
      `{"v":"KERI10JSON000000_","t":"icp","d":"${dummy}","i":"${dummy}","s":"0","kt":"1","k":["${key(current)}"],"nt":"1","n":["${next(committed)}"],"bt":"0","b":[],"c":[],"a":[]}`,
    ),
  ];
  const prefix = idOf(some(messages[0])).i;
  return {
    prefix,
    messages,
    seal: (event) => {
      const { s } = field(text(event)) as { s: string };
      const { i, d } = idOf(event);
      messages.push(
        sign(
          `{"v":"KERI10JSON000000_","t":"ixn","d":"${dummy}","i":"${prefix}","s":"${messages.length.toString(16)}","p":"${idOf(some(messages.at(-1))).d}","a":[{"i":"${i}","s":"${s}","d":"${d}"}]}`,
        ),
      );
      const sealing = some(messages.at(-1));
      return `-GAB${encodeSequence(messages.length - 1)}${idOf(sealing).d}`;
    },
  };
}
