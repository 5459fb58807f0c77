/** Reads a rendered QR back from terminal text, as a camera in front of the screen would. */
import { decodeQR } from 'qr/decode.js';

const ESCAPE = String.fromCharCode(27);

/** The half-block rows of a screen, colours taken off. `dark` tells what a drawn block stands for. */
export function readQr(lines: readonly string[], dark: 'drawn' | 'blank'): string {
  const rows = lines.map((line) => Array.from(line.replaceAll(new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g'), '')));
  const width = Math.max(...rows.map((row) => row.length));
  const modules = rows.flatMap((row) => [
    Array.from({ length: width }, (_, x) => '▀█'.includes(row[x] ?? ' ')),
    Array.from({ length: width }, (_, x) => '▄█'.includes(row[x] ?? ' ')),
  ]);
  const scale = 4;
  const quiet = 8;
  const size = { width: (width + 2 * quiet) * scale, height: (modules.length + 2 * quiet) * scale };
  const data = new Uint8ClampedArray(size.width * size.height * 4).fill(255);
  for (let y = 0; y < modules.length * scale; y += 1) {
    for (let x = 0; x < width * scale; x += 1) {
      const drawn = modules[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true;
      if (drawn !== (dark === 'drawn')) continue;
      const at = ((y + quiet * scale) * size.width + x + quiet * scale) * 4;
      data.fill(0, at, at + 3);
    }
  }
  return decodeQR({ ...size, data });
}

/** What draws a QR code at the start of the lines of a screen; words may stand beside it. */
export function qrLines(text: string): readonly string[] {
  const drawing = new RegExp(`^(?:${ESCAPE}\\[[0-9;]*m)*[ ▀▄█]{25,}(?:${ESCAPE}\\[0?m)?`);
  return text.split('\n').flatMap((line) => {
    const [found] = drawing.exec(line) ?? [];
    return found !== undefined && /[▀▄█]|\[/.test(found) ? [found] : [];
  });
}
