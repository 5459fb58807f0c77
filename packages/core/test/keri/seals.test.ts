/** Seals are values of anybody's making: a log is judged without building them, and gives them to whoever asks. */
import { describe, expect, it } from 'vitest';
import { replay } from '../../src/keri/key-state.ts';
import { parseStream } from '../../src/keri/stream.ts';
import { PaperIdentity } from '../../../testing/src/paper-identity.ts';

const engine = { verify: () => true };

describe('seals', () => {
  it('that are nests of nothing take no more room than their text', () => {
    const identity = new PaperIdentity(1);
    const seals = Array.from({ length: 4600 }, () => [[[[[[]]]]]]);
    for (let i = 0; i < 100; i++) identity.interact(seals as never);
    const { stream } = identity;
    const before = process.memoryUsage().heapUsed;
    const verdict = replay(stream, { engine });
    const parsed = parseStream(stream);
    // As values they are 330 MB, each time.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(12 * stream.length);
    expect([verdict.events.length, parsed.messages.length]).toEqual([101, 101]);
    expect(verdict.events[1]?.seals).toEqual(seals);
  });

  it('are the same from the log and from the message', () => {
    const identity = new PaperIdentity(1);
    const seals = [{ d: identity.prefix }, { note: 'é 鍵 \u{1f511}' }, { 2: 'b', 1: [null, 1.5] }];
    identity.interact(seals);
    const event = replay(identity.stream, { engine }).events[1];
    const message = parseStream(identity.stream).messages[1]?.event;
    for (const one of [event, message]) expect(one).toMatchObject({ seals });
  });
});
