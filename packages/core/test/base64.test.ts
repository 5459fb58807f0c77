import { base64 } from '@scure/base';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../src/encoding/base64.ts';

describe('base64', () => {
  it('property: is what another implementation writes, and is read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const text = toBase64(bytes);
        expect(text).toBe(base64.encode(bytes));
        expect(fromBase64(text)).toEqual(bytes);
      }),
    );
  });

  it('property: nothing else is read', () => {
    const character = fc.constantFrom(...'ABwxyz0189+/=-_ \n\u00e9\u4e00'.split(''));
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        let bytes: Uint8Array | null = null;
        try {
          bytes = base64.decode(text);
        } catch {
          expect(() => fromBase64(text)).toThrow('not canonical base64');
        }
        if (bytes !== null) expect(fromBase64(text)).toEqual(bytes);
      }),
      { numRuns: 5_000 },
    );
    for (const text of ['A', 'AA', 'AAA', 'A===', 'AB==', 'AAB=', 'AA=A', '====', '=', 'AAAA=', 'AAAAA==='])
      expect(() => fromBase64(text), text).toThrow('not canonical base64');
  });
});
