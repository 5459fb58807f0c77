/** Colour for one stream: on only where that stream is a terminal, unless NO_COLOR, FORCE_COLOR or --no-color say otherwise. */
import { styleText } from 'node:util';
import type { Style } from './command.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Decides for one stream. `--no-color` beats FORCE_COLOR, which beats NO_COLOR, which beats what the stream is. */
export function coloursOn(stream: { readonly isTTY?: boolean }, env: Env, noColor: boolean): boolean {
  if (noColor) return false;
  const force = env['FORCE_COLOR'];
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** The styles of a stream where colour is on or off. */
export function createStyle(enabled: boolean): Style {
  const paint =
    (format: Parameters<typeof styleText>[0]) =>
    (text: string): string =>
      enabled ? styleText(format, text, { validateStream: false }) : text;
  return {
    enabled,
    bold: paint('bold'),
    dim: paint('dim'),
    good: paint('green'),
    bad: paint('red'),
    warn: paint('yellow'),
    accent: paint('cyan'),
  };
}
