import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anchoredPieces, fitsPiece, kelPieces } from '../../src/pairing/pieces.ts';

const bytes = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;
const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', 'é', '😀', '{', '\n'), maxLength: 20_000 });

describe('pieces', () => {
  it('a log in pieces is the log, each piece fits, only the last is last', () => {
    fc.assert(
      fc.property(text, (kel) => {
        const pieces = kelPieces(kel);
        expect(pieces.map(({ data }) => data).join('')).toBe(kel);
        expect(pieces.every((piece) => bytes(piece) <= 8_192)).toBe(true);
        expect(pieces.map(({ last }) => last)).toEqual(pieces.map((_, i) => i === pieces.length - 1));
      }),
      { numRuns: 40 },
    );
  });

  it('events and records in pieces are what they were, in order', () => {
    const record = fc.record({ note: fc.string({ maxLength: 2_000 }), n: fc.nat() });
    fc.assert(
      fc.property(text, fc.array(record, { maxLength: 40 }), (events, records) => {
        const pieces = anchoredPieces(events, records);
        expect(pieces.map((piece) => piece.events).join('')).toBe(events);
        expect(pieces.flatMap((piece) => piece.records)).toEqual(records);
        expect(pieces.every((piece) => bytes(piece) <= 8_192)).toBe(true);
        expect(pieces.filter(({ last }) => last)).toHaveLength(1);
        expect(pieces.at(-1)?.last).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('knows which records are too long for one', () => {
    expect(fitsPiece({ note: 'x'.repeat(8_000) })).toBe(true);
    expect(fitsPiece({ note: 'x'.repeat(8_192) })).toBe(false);
  });
});
