/** The QR code for the screen that is there, or why it is not drawn. */
import type { Screen } from '../command.ts';
import { renderQr, type RenderedQr } from '../qr.ts';

export interface DrawnQr {
  readonly qr: RenderedQr | null;
  /** Why it is missing although it was wanted. */
  readonly qrMissing: string | null;
}

/** No QR was wanted. */
export const noQr: DrawnQr = { qr: null, qrMissing: null };

/** Draws `payload` where the letters and the width allow it. */
export function qrFor(screen: Screen, payload: string): DrawnQr {
  if (!screen.utf8) {
    return { qr: null, qrMissing: 'no QR code: this terminal does not show UTF-8, use the code' };
  }
  const qr = renderQr(payload, { colour: screen.style.enabled });
  if (screen.terminal && qr.columns > screen.columns) {
    const why = `no QR code: it takes ${qr.columns} columns and this terminal has ${screen.columns}, use the code`;
    return { qr: null, qrMissing: why };
  }
  return { qr, qrMissing: null };
}
