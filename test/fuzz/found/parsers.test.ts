/** Inputs that fuzzing found, by what went wrong with them. The ones through the built program stand in ../evidence.test.ts. */
import { describe, expect, it } from 'vitest';
import { orderMessages } from '../../../packages/core/src/commit/branches.ts';
import { parseCommit } from '../../../packages/core/src/commit/object.ts';
import { exactObject, parseJson } from '../../../packages/core/src/encoding/json.ts';
import { utf8 } from '../../../packages/core/src/encoding/text.ts';
import { hasCode } from '../../../packages/core/src/errors.ts';
import { interact, storedEvent } from '../../../packages/core/src/keri/build.ts';
import { parseJoinInput } from '../../../packages/core/src/pairing/uri.ts';
import { parseIdentityDocument } from '../../../packages/git-store/src/identity-document.ts';
import { messageOf, PaperIdentity } from '../../../packages/testing/src/paper-identity.ts';
import { accepted, outcomeOf } from '../laws.ts';

/** Milliseconds, on a slow machine too. */
const SOON = 3_000;
function soon<T>(run: () => T): T {
  const start = performance.now();
  const value = run();
  expect(performance.now() - start).toBeLessThan(SOON);
  return value;
}
/** Right in form: putting in order asks for no more. */
const FORGED = [{ index: 0, signature: new Uint8Array(64).fill(1) }];
const HEAD = `tree ${'a'.repeat(40)}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n`;

const list = (length: number): string => `[${'0,'.repeat(length)}0]`;

describe('stack and time', () => {
  it('continuation lines of a commit were joined as arguments: RangeError from 120,000 on', () => {
    for (const lines of [130_000, 400_000, 4_000_000]) {
      const commit = soon(() => parseCommit(utf8(`${HEAD}gpgsig x\n${' \n'.repeat(lines)}\nm`), 'sha1'));
      expect(commit.kind).toBe(lines < 500_000 ? 'ok' : 'malformed');
    }
  });

  it('headers of a commit had no bound: 4 million took 900 MB', () => {
    const commit = soon(() => parseCommit(utf8(`${HEAD}${'x y\n'.repeat(1_000_000)}\nm`), 'sha1'));
    expect(commit).toEqual({ kind: 'malformed', why: 'headers of more than 1 MiB' });
  });

  it('a JSON string of eight million escapes ran out of the stack of regular expressions', () => {
    const text = `{"a":"${'x\\n'.repeat(8_000_000)}"}`;
    expect(soon(() => accepted(() => parseJson(text, { maxLength: 64 << 20 })))).not.toBeNull();
  });

  it('a JSON list of a million numbers took seconds, for the sake of paths that no error needed', () => {
    expect(soon(() => accepted(() => parseJson(list(1_000_000), { maxLength: 64 << 20 })))).not.toBeNull();
    // More than that is refused before it is built.
    expect(soon(() => outcomeOf(() => parseJson(list(2_000_000), { maxLength: 64 << 20 }))).kind).toBe(
      'refused',
    );
  });

  it('blanks inside a text to join took the square of their number', () => {
    const outcome = soon(() => outcomeOf(() => parseJoinInput(`x${' '.repeat(1 << 20)}x`)));
    expect(outcome.kind === 'refused' && outcome.error.code).toBe('pairing/invalid-code');
    expect(parseJoinInput(' \tZ43-8JR\r\n').kind).toBe('code');
  });

  it('every rival of a long chain copied the path before it', () => {
    const identity = new PaperIdentity(5);
    const messages = [{ bytes: messageOf(identity.tip), sequence: 0 }];
    let prior = identity.tip.said;
    for (let sequence = 1; sequence <= 3_000; sequence++) {
      const [next, rival] = ['a', 'b'].map((mark) =>
        interact({ prefix: identity.prefix, sequence, prior, seals: [{ mark }] }),
      );
      for (const built of [next, rival])
        if (built !== undefined) messages.push({ bytes: messageOf(storedEvent(built, FORGED)), sequence });
      prior = next?.said ?? expect.fail();
    }
    const before = process.memoryUsage().rss;
    const heap = orderMessages(identity.prefix, messages);
    expect(heap.branches.length).toBe(16);
    expect(heap.faults[0]?.why).toBe('more than 16 branches');
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
  });
});

function document(version: unknown): Uint8Array {
  return utf8(JSON.stringify({ version, controller_did: 'x', role: 'device', created_at: 'x' }));
}

describe('words of errors', () => {
  it('names of unknown members were quoted whole, all of them', () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`${'n'.repeat(500)}${i}`, 1]));
    const outcome = outcomeOf(() => exactObject(many, ['v']));
    expect(outcome.kind === 'refused' && outcome.error.message.length).toBeLessThan(2_000);
  });

  it('a version of any size and type was quoted as the version of the identity document', () => {
    const text = outcomeOf(() => parseIdentityDocument(document('x'.repeat(100_000))));
    expect(text.kind === 'refused' && hasCode(text.error, 'storage/corrupt')).toBe(true);
    const newer = outcomeOf(() => parseIdentityDocument(document(2)));
    expect(newer.kind === 'refused' && hasCode(newer.error, 'storage/version')).toBe(true);
  });
});

describe('values', () => {
  it('-0 was accepted and written back as 0', () => {
    for (const text of ['-0', '[-0]', '{"a":-0.0}', '-1e-400'])
      expect(accepted(() => parseJson(text))).toBeNull();
    expect(parseJson('0')).toBe(0);
  });
});
