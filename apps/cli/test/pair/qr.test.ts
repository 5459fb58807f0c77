import { describe, expect, it } from 'vitest';
import { renderQr, SMALL_SCREEN } from '../../src/qr.ts';
import { readQr } from './read-qr.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
const payloadOf = (length: number, seed: number): string =>
  `AUTHS:${Array.from({ length: length - 6 }, (_, i) => ALPHABET[(i * 7 + seed * 13 + i * i) % 45]).join('')}`;

describe('a QR code on the terminal', () => {
  it.each([
    [168, 23, 45],
    [186, 23, 45],
    [195, 23, 45],
    [203, 24, 47],
    [224, 24, 47],
  ])('of %i characters takes %i rows × %i columns and reads back', (length, rows, columns) => {
    for (const seed of [1, 2, 3]) {
      const payload = payloadOf(length, seed);
      for (const colour of [true, false]) {
        const qr = renderQr(payload, { colour });
        expect([qr.rows, qr.columns]).toEqual([rows, columns]);
        expect(qr.rows).toBeLessThanOrEqual(SMALL_SCREEN.rows);
        expect(qr.columns).toBeLessThanOrEqual(SMALL_SCREEN.columns);
        expect(readQr(qr.lines, colour ? 'drawn' : 'blank')).toBe(payload);
      }
    }
  });

  it('is black on white by its own colours on a terminal, and free of escapes in a pipe', () => {
    const escape = String.fromCharCode(27);
    const coloured = renderQr(payloadOf(168, 1), { colour: true });
    for (const line of coloured.lines) {
      expect(line.startsWith(`${escape}[38;5;16;48;5;231m`)).toBe(true);
      expect(line.endsWith(`${escape}[0m`)).toBe(true);
    }
    expect(renderQr(payloadOf(168, 1), { colour: false }).lines.join('')).toMatch(/^[ ▀▄█]+$/);
  });

  it('grows beyond the small screen rather than fail for a long address', () => {
    const payload = payloadOf(300, 4);
    const qr = renderQr(payload, { colour: true });
    expect(qr.columns).toBeGreaterThan(SMALL_SCREEN.columns);
    expect(readQr(qr.lines, 'drawn')).toBe(payload);
  });
});
