/**
 * A QR code as terminal text: two modules to a character, black on white whatever the colours of the
 * terminal, small enough for 24 rows × 50 columns (docs/protocol.md, "Links and QR codes").
 */
import { encodeQR } from 'qr';

/** The most that a QR may take of the screen of a small terminal. */
export const SMALL_SCREEN: { readonly rows: number; readonly columns: number } = { rows: 24, columns: 50 };

export interface RenderedQr {
  /** One string per terminal row, colours included when asked for. */
  readonly lines: readonly string[];
  readonly rows: number;
  readonly columns: number;
}

export interface RenderQrOptions {
  /** With colours the modules are explicit black on white; without, light modules are drawn, for a dark background. */
  readonly colour: boolean;
}

const BLACK_ON_WHITE = '\u001b[38;5;16;48;5;231m';
const RESET = '\u001b[0m';

/**
 * Renders `payload` at error correction "low" with a border of two modules, or of one where only that
 * fits the small screen (QR readers ask for a light border; the padding around it is drawn as well).
 */
export function renderQr(payload: string, options: RenderQrOptions): RenderedQr {
  const wide = modulesOf(payload, 2);
  const modules = Math.ceil(wide.length / 2) > SMALL_SCREEN.rows ? modulesOf(payload, 1) : wide;
  const columns = modules[0]?.length ?? 0;
  const lines: string[] = [];
  for (let y = 0; y < modules.length; y += 2) {
    let line = '';
    for (let x = 0; x < columns; x += 1) {
      const upper = modules[y]?.[x] === true;
      const lower = modules[y + 1]?.[x] === true;
      line += options.colour ? ink(upper, lower) : ink(!upper, y + 1 < modules.length && !lower);
    }
    lines.push(options.colour ? `${BLACK_ON_WHITE}${line}${RESET}` : line);
  }
  return { lines, rows: lines.length, columns };
}

function modulesOf(payload: string, border: number): readonly (readonly boolean[])[] {
  return encodeQR(payload, 'raw', { ecc: 'low', border });
}

function ink(upper: boolean, lower: boolean): string {
  if (upper && lower) return '█';
  if (upper) return '▀';
  return lower ? '▄' : ' ';
}
