/** Everything at once: weights, partial rotation, witnesses that change and a delegator, over generated logs. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromLatin1 } from '../../src/encoding/text.ts';
import { encodeCounter, encodeIndexedSignature } from '../../src/keri/attach.ts';
import { parseAttachments } from '../../src/keri/attachments.ts';
import { frameSignatures } from '../../src/keri/build.ts';
import { type KelVerdict, replay, replayMessages } from '../../src/keri/key-state.ts';
import { buildGroup, plans, type GroupLog, type GroupState } from './group-log.ts';
import { type FramedEvent, nodeEngine, streamOf } from './support.ts';
import { rctText } from './threat-kit.ts';

const RUNS = 120;

const delegatorsOf = ({ delegator }: GroupLog): Readonly<Record<string, Uint8Array>> =>
  delegator === null ? {} : { [delegator.prefix]: streamOf(delegator.messages) };

/** The rct message with the witness signatures of an event; none where it has none. */
function receiptOf(message: FramedEvent): readonly FramedEvent[] {
  const { witness } = parseAttachments(message.attachments);
  if (witness.length === 0) return [];
  const signatures = witness.map(({ index, ondex, signature }) =>
    encodeIndexedSignature(index, ondex, signature),
  );
  return [
    { event: rctText(message), attachments: encodeCounter('B', signatures.length) + signatures.join('') },
  ];
}

function ending({ verdict, state }: KelVerdict): GroupState | null {
  if (verdict !== 'accepted' || state === null) return null;
  return {
    s: state.sequence,
    d: state.said,
    k: state.keys,
    kt: state.threshold,
    n: state.next,
    nt: state.nextThreshold,
    b: state.witnesses,
    bt: state.witnessThreshold,
  };
}

it('what the plan says is accepted and ends as the plan says, also shown twice, and with its receipts beside it', () => {
  const reached = { delegated: 0, weighted: 0, partial: 0, witnessed: 0 };
  fc.assert(
    fc.property(plans, fc.nat(), (plan, place) => {
      const log = buildGroup(plan);
      const delegators = delegatorsOf(log);
      const verdict = replay(streamOf(log.messages), { engine: nodeEngine, delegators });
      expect(ending(verdict), `${verdict.at}: ${verdict.rule}`).toEqual(log.state);
      reached.delegated += log.delegator === null ? 0 : 1;
      reached.weighted += Array.isArray(log.state.kt) ? 1 : 0;
      reached.partial += plan.steps.some(({ ilk, fresh }) => ilk === 'rot' && fresh > 0) ? 1 : 0;
      reached.witnessed += log.state.bt > 0 ? 1 : 0;
      // Each event once more behind the last one changes nothing.
      const again = [...log.messages, log.messages[place % log.messages.length] as (typeof log.messages)[0]];
      expect(ending(replay(streamOf(again), { engine: nodeEngine, delegators }))).toEqual(log.state);
      const framed = log.messages.map(({ event, attachments }) => ({
        event: typeof event === 'string' ? new TextEncoder().encode(event) : event,
        attachments,
      }));
      expect(ending(replayMessages(framed, { engine: nodeEngine, delegators }))).toEqual(log.state);
      // Receipts may lie in messages of their own; without them a watched log waits.
      const unreceipted = framed.map((message) => ({
        event: message.event,
        // As for a rotation: every place stays as it is.
        attachments: frameSignatures('rot', parseAttachments(message.attachments).controller),
      }));
      const receipts = streamOf(log.messages.flatMap(receiptOf));
      const bare = streamOf(unreceipted);
      expect(ending(replay(bare, { engine: nodeEngine, delegators, receipts }))).toEqual(log.state);
      if (log.state.bt > 0)
        expect(replay(bare, { engine: nodeEngine, delegators })).toMatchObject({
          verdict: 'pending',
          rule: 'toad-unmet',
        });
      // Without the delegator, and without one event, it is another log, or none.
      if (log.delegator !== null)
        expect(replay(streamOf(log.messages), { engine: nodeEngine }).rule).toBe('delegator-missing');
      const without = log.messages.filter((_, index) => index !== place % log.messages.length);
      if (place % log.messages.length < log.messages.length - 1)
        expect(ending(replay(streamOf(without), { engine: nodeEngine, delegators }))).toBeNull();
    }),
    { numRuns: RUNS },
  );
  for (const [kind, count] of Object.entries(reached)) expect(count, kind).toBeGreaterThan(RUNS / 10);
});

it('no byte of such a log can change and give other content; of its seals neither', () => {
  fc.assert(
    fc.property(
      plans,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      (plan, place, mask, above) => {
        const log = buildGroup(plan);
        const own = streamOf(log.messages);
        const chief = log.delegator === null ? null : streamOf(log.delegator.messages);
        const changed = (above && chief !== null ? chief : own).slice();
        const at = place % changed.length;
        changed[at] = (changed[at] as number) ^ mask;
        const delegators =
          log.delegator === null || chief === null ? {} : { [log.delegator.prefix]: above ? changed : chief };
        const verdict = replay(above && chief !== null ? own : changed, { engine: nodeEngine, delegators });
        const expected = replay(own, { engine: nodeEngine, delegators: delegatorsOf(log) });
        // A signature more than needed may be spoilt; what is believed stays word for word.
        for (const [index, event] of verdict.events.entries())
          expect(fromLatin1(event.bytes)).toBe(fromLatin1(expected.events[index]?.bytes ?? new Uint8Array()));
        if (verdict.verdict === 'accepted') expect(ending(verdict)).toEqual(log.state);
      },
    ),
    { numRuns: RUNS },
  );
});

it('every cut is a shorter log or a fault, never another log', () => {
  fc.assert(
    fc.property(plans, fc.nat(), (plan, place) => {
      const log = buildGroup(plan);
      const stream = streamOf(log.messages);
      const verdict = replay(stream.subarray(0, place % stream.length), {
        engine: nodeEngine,
        delegators: delegatorsOf(log),
      });
      const texts = log.messages.map(({ event }) => event);
      expect(verdict.events.map(({ bytes }) => fromLatin1(bytes))).toEqual(
        texts.slice(0, verdict.events.length),
      );
    }),
    { numRuns: RUNS },
  );
});
