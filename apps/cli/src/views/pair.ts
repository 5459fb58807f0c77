/** What `auths pair` shows to people, as text for stderr. Names and words of the other side come in sanitised. */
import { CAPABILITY_WORDS, type KnownCapability } from '@auths/core/attestation/capability';
import type { Style } from '../command.ts';
import type { RenderedQr } from '../qr.ts';

export interface OfferView {
  readonly mode: 'lan' | 'registry' | 'offline';
  readonly endpoint: string;
  /** What is to be known about the address; null when nothing. */
  readonly note: string | null;
  readonly did: string;
  /** State of mDNS in words; null where there is none to speak of. */
  readonly mdns: string | null;
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

/** The pairing screen. */
export function offerScreen(view: OfferView, style: Style): string {
  const title = { lan: 'LAN', registry: 'REGISTRY', offline: 'OFFLINE' }[view.mode];
  const server = view.mode === 'offline' ? 'none: nothing listens (--offline)' : view.endpoint;
  const lines = [
    '',
    style.bold(`━━━ PAIRING (${title}) ━━━`),
    '',
    `Server:  ${server}`,
    ...(view.note === null ? [] : [style.warn(`         ${view.note}`)]),
    `DID:     ${view.did}`,
    ...(view.mdns === null ? [] : [`mDNS:    ${view.mdns}`]),
    '',
    ...(view.qr === null ? [] : [...view.qr.lines, '']),
    ...(view.qrMissing === null ? [] : [style.dim(`(${view.qrMissing})`), '']),
    ...codeLines(view, style),
    ...linkLines(view, style),
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
  return `${lines.join('\n')}\n`;
}

function codeLines(view: OfferView, style: Style): readonly string[] {
  if (view.code === null) return view.qr === null ? [] : ['Scan the QR code with the other device.', ''];
  const lead =
    view.qr === null ? 'On the other device, enter this code' : 'Scan the QR code, or enter this code';
  const where = view.mode === 'registry' ? ` --registry ${shellWord(view.endpoint)}` : '';
  const direct =
    view.mode === 'lan'
      ? [style.dim(`  or, without mDNS: auths pair --join ${view.code} --host ${shellWord(view.endpoint)}`)]
      : [];
  return [
    `${lead}:`,
    '',
    `    ${style.bold(style.accent(view.code))}`,
    '',
    style.dim(`  on its command line: auths pair --join ${view.code}${where}`),
    ...direct,
    '',
  ];
}

function linkLines(view: OfferView, style: Style): readonly string[] {
  if (view.link === null) return [];
  const reach = view.mode === 'lan' ? ' It works on this network only.' : '';
  return [
    'Or send this link to the other device:',
    '',
    `    ${view.link}`,
    '',
    style.dim(
      `  Whoever reads it can answer: you will be asked to type what the other screen shows.${reach}`,
    ),
    '',
  ];
}

/** The line under the screen that counts down. */
export function countdownLine(secondsLeft: number, style: Style): string {
  const minutes = Math.floor(secondsLeft / 60);
  const text = `Waiting for the other device · ${minutes}:${String(secondsLeft % 60).padStart(2, '0')} left`;
  return secondsLeft <= 30 ? style.warn(text) : style.dim(text);
}

/** Capabilities in words, custom ones by name. */
function capabilityWords(names: readonly string[]): string {
  return names
    .map((name) => (Object.hasOwn(CAPABILITY_WORDS, name) ? CAPABILITY_WORDS[name as KnownCapability] : name))
    .join(', ');
}

export interface JoinedView {
  readonly deviceName: string;
  readonly deviceDid: string;
  /** Null while the person still has to type it: a host that showed it would be asking for a copy. */
  readonly sas: string | null;
}

/** A device has answered with the right code. */
export function joinedScreen(view: JoinedView, style: Style): string {
  return block(
    '',
    style.bold('A device wants to join.'),
    `  Name:        ${style.bold(view.deviceName)}`,
    `  Device DID:  ${view.deviceDid}`,
    ...(view.sas === null
      ? []
      : [`  Fingerprint: ${style.bold(style.accent(view.sas))}  (the other device shows the same)`]),
    '',
  );
}

export interface HostSeenView {
  readonly controllerDid: string;
  readonly sas: string;
  readonly capabilities: readonly string[];
}

/** The joiner's half of the same moment. */
export function hostSeenScreen(view: HostSeenView, style: Style): string {
  return block(
    '',
    style.bold('Reached a host.'),
    `  Identity:    ${view.controllerDid}`,
    `  Fingerprint: ${style.bold(style.accent(view.sas))}  (the host shows the same, or asks for it)`,
    `  You may:     ${capabilityWords(view.capabilities)}`,
    '',
  );
}

/** A refused try at the host. */
export function attemptLine(result: string, attemptsLeft: number, style: Style): string {
  const left = attemptsLeft === 1 ? '1 try is left' : `${attemptsLeft} tries are left`;
  const what =
    result === 'pake-failed' ? 'Somebody answered with a wrong code' : `An answer was refused (${result})`;
  return `${style.warn(what)}; ${left} for it.`;
}

export interface PairedView {
  /** RFC 3339; null for ever. */
  readonly expiresAt: string | null;
  readonly deviceName: string;
  readonly deviceDid: string;
  readonly controllerDid: string;
  readonly capabilities: readonly string[];
}

/** The host's last word, for stdout. */
export function hostPairedText(view: PairedView, style: Style): string {
  const target = view.deviceName.startsWith('-') ? view.deviceDid : shellWord(view.deviceName);
  const revoke = `  auths devices revoke ${target}`;
  return block(
    `${style.good('Paired')} ${style.bold(view.deviceName)}`,
    `  Device:       ${view.deviceDid}`,
    `  It may:       ${capabilityWords(view.capabilities)}`,
    ...(view.expiresAt === null ? [] : [`  Until:        ${view.expiresAt}`]),
    '',
    `${'  auths devices list'.padEnd(revoke.length)}   shows it`,
    `${revoke}   takes it away again`,
  );
}

/** The joiner's last word, for stdout. `already`: nothing changed, this device belonged to the identity before. */
export function joinerPairedText(
  view: PairedView & { readonly git: string; readonly already: boolean },
  style: Style,
): string {
  const what = view.already ? 'Paired before: this device' : `${style.good('Paired')} this device`;
  return block(
    `${what} (${style.bold(view.deviceName)})`,
    `  Identity: ${view.controllerDid}`,
    `  Device:   ${view.deviceDid}`,
    `  It may:   ${capabilityWords(view.capabilities)}`,
    ...(view.expiresAt === null ? [] : [`  Until:    ${view.expiresAt}`]),
    `  Git:      ${view.git === 'none' ? 'not set up here' : `signs with this device (${view.git})`}`,
    '',
    view.git === 'none'
      ? '  auths git setup   lets git sign with this device'
      : '  git commit        is signed by this device from now on',
    '  auths status      shows where you stand',
  );
}

/** Local time of day; the pairing screen is read by somebody who looks at the clock beside it. */
function clockTime(epochMs: number): string {
  const at = new Date(epochMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** As a shell takes it; brackets of an IPv6 address are a pattern to zsh. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9._:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function block(...lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
