/** What `auths pair` shows before a device answers: the whole at once on a small terminal too, the QR beside the words. */
import type { Screen, Style } from '../command.ts';
import type { RenderedQr } from '../qr.ts';
import { shortDid } from './layout.ts';
import { capabilityWords, shellWord } from './pair.ts';

export interface OfferView {
  readonly mode: 'lan' | 'registry' | 'offline';
  readonly endpoint: string;
  /** What is to be known about the address; null when nothing. */
  readonly note: string | null;
  readonly did: string;
  /** State of mDNS in words; null where there is none to speak of. */
  readonly mdns: string | null;
  /** False where the code alone does not lead here: --host has to stand beside it. */
  readonly byCode: boolean;
  readonly qr: RenderedQr | null;
  /** Why the QR is missing although it was wanted; null otherwise. */
  readonly qrMissing: string | null;
  /** Grouped; null where only the QR pairs. */
  readonly code: string | null;
  /** To send; null without one. */
  readonly link: string | null;
  readonly capabilities: readonly string[];
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly secondsLeft: number;
}

/** Between the QR and the words beside it. */
const GAP = 2;
/** Narrower than this, words beside a QR are no help. */
const NARROW = 30;

/** The pairing screen, as tall as the terminal lets it be seen whole: QR above the words, else beside them, else left out. */
export function offerScreen(
  view: OfferView,
  screen: Pick<Screen, 'terminal' | 'columns' | 'rows' | 'style'>,
): string {
  const { style } = screen;
  const tall = stacked(view, style);
  // The last row is the countdown's.
  if (view.qr === null || !screen.terminal || rowsOf(tall, screen.columns) < screen.rows) return text(tall);
  const width = screen.columns - view.qr.columns - GAP;
  const words = width < NARROW ? null : fitted(wordsBeside(view), width, screen.rows - 1);
  if (words !== null) return text(sideBySide(view.qr, words, style));
  const qrMissing = `no QR code: it and the rest take ${rowsOf(tall, screen.columns) + 1} rows and this terminal has ${screen.rows}, use the code`;
  return text(stacked({ ...view, qr: null, qrMissing }, style));
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function stacked(view: OfferView, style: Style): readonly string[] {
  return [
    '',
    style.bold(titleOf(view)),
    '',
    `Server:  ${serverOf(view)}`,
    ...(view.note === null ? [] : [style.warn(`         ${view.note}`)]),
    `DID:     ${view.did}`,
    ...(view.mdns === null ? [] : [`mDNS:    ${view.mdns}`]),
    '',
    ...linkLines(view, style),
    ...(view.qr === null ? [] : [...view.qr.lines, '']),
    ...(view.qrMissing === null ? [] : [style.dim(`(${view.qrMissing})`), '']),
    ...codeLines(view, style),
    `Capabilities: ${capabilityWords(view.capabilities)}`,
    `Expires:      ${clockTime(view.expiresAt)} (${view.secondsLeft}s remaining)`,
    ...(view.mode === 'offline'
      ? []
      : [
          '',
          style.dim(`Test from another terminal: curl ${shellWord(`${view.endpoint}/health`)}`),
          '(Ctrl+C cancels)',
        ]),
    '',
  ];
}

function titleOf({ mode }: OfferView): string {
  return `━━━ PAIRING (${{ lan: 'LAN', registry: 'REGISTRY', offline: 'OFFLINE' }[mode]}) ━━━`;
}

function serverOf({ mode, endpoint }: OfferView): string {
  return mode === 'offline' ? 'none: nothing listens (--offline)' : endpoint;
}

function codeLines(view: OfferView, style: Style): readonly string[] {
  if (view.code === null) return view.qr === null ? [] : ['Scan the QR code with the other device.', ''];
  const lead =
    view.qr === null ? 'On the other device, enter this code' : 'Scan the QR code, or enter this code';
  const direct =
    view.mode === 'lan' && view.byCode
      ? [style.dim(`  or, without mDNS: auths pair --join ${view.code} --host ${shellWord(view.endpoint)}`)]
      : [];
  return [
    `${lead}:`,
    '',
    `    ${style.bold(style.accent(view.code))}`,
    '',
    style.dim(`  on its command line: ${joinCommand(view)}`),
    ...direct,
    '',
  ];
}

/** What works on the command line of the other device. */
function joinCommand({ code, mode, endpoint, byCode }: OfferView): string {
  const flag = mode === 'registry' ? 'registry' : byCode ? null : 'host';
  return `auths pair --join ${code}${flag === null ? '' : ` --${flag} ${shellWord(endpoint)}`}`;
}

function linkLines(view: OfferView, style: Style): readonly string[] {
  if (view.link === null) return [];
  const reach = view.mode === 'lan' ? ' It works on this network only.' : '';
  return [
    'A link to send to the other device:',
    '',
    `    ${view.link}`,
    '',
    style.dim(
      `  Whoever reads it can answer: you will be asked to type what the other screen shows.${reach}`,
    ),
    '',
  ];
}

/** One thing to say beside the QR; `tone` colours each of its lines. */
interface Words {
  readonly words: string;
  readonly tone?: 'bold' | 'dim' | 'warn' | 'code';
}

const BLANK: Words = { words: '' };

function wordsBeside(view: OfferView): readonly Words[] {
  const { code, link, mode, note, mdns, endpoint } = view;
  return [
    { words: titleOf(view), tone: 'bold' },
    BLANK,
    { words: `Server: ${serverOf(view)}` },
    ...(note === null ? [] : [{ words: note, tone: 'warn' } as const]),
    { words: `DID: ${shortDid(view.did)}` },
    ...(mdns === null ? [] : [{ words: `mDNS: ${mdns}` }]),
    BLANK,
    ...(code === null
      ? [{ words: 'Scan the QR code with the other device.' }]
      : ([
          { words: 'Scan the QR code, or enter this code:' },
          BLANK,
          { words: `  ${code}`, tone: 'code' },
          BLANK,
          { words: joinCommand(view), tone: 'dim' },
        ] as const)),
    ...(link === null ? [] : [BLANK, { words: `Or send this link: ${link}` }]),
    BLANK,
    { words: `Capabilities: ${capabilityWords(view.capabilities)}` },
    { words: `Expires: ${clockTime(view.expiresAt)} (${view.secondsLeft}s)` },
    ...(mode === 'offline'
      ? []
      : ([
          { words: `Test: curl ${shellWord(`${endpoint}/health`)}`, tone: 'dim' },
          { words: '(Ctrl+C cancels)' },
        ] as const)),
  ];
}

/** The words in lines of at most `width` columns, without the blank ones if they need the room; null when `rows` are too few. */
function fitted(all: readonly Words[], width: number, rows: number): readonly Words[] | null {
  const lines = all.flatMap(({ words, tone }) =>
    wrap(words, width).map((line): Words => (tone === undefined ? { words: line } : { words: line, tone })),
  );
  if (lines.length <= rows) return lines;
  const close = lines.filter(({ words }) => words !== '');
  return close.length <= rows ? close : null;
}

function sideBySide(qr: RenderedQr, words: readonly Words[], style: Style): readonly string[] {
  const tones = {
    bold: style.bold,
    dim: style.dim,
    warn: style.warn,
    code: (said: string) => style.bold(style.accent(said)),
  };
  const rows = Math.max(qr.rows, words.length);
  return Array.from({ length: rows }, (_, row) => {
    const { words: line = '', tone } = words[row] ?? {};
    const left = qr.lines[row] ?? ' '.repeat(qr.columns);
    return line === '' ? left : `${left}${' '.repeat(GAP)}${tone === undefined ? line : tones[tone](line)}`;
  });
}

/** At blanks where there are some, else wherever the line is full. */
function wrap(words: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = words;
  while (rest.length > width) {
    const blank = rest.lastIndexOf(' ', width);
    const end = blank > 0 && rest.slice(0, blank).trim() !== '' ? blank : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** Rows that lines take on a terminal which breaks them at `columns`. */
function rowsOf(lines: readonly string[], columns: number): number {
  // eslint-disable-next-line no-control-regex -- the escapes of colours take no room
  const bare = lines.map((line) => Array.from(line.replace(/\u001b\[[0-9;]*m/g, '')).length);
  return bare.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / columns)), 0);
}

/** Local time of day; the pairing screen is read by somebody who looks at the clock beside it. */
function clockTime(epochMs: number): string {
  const at = new Date(epochMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
