/** What `auths pair` shows to people, as text for stderr. Names and words of the other side come in sanitised. */
import { CAPABILITY_WORDS, type KnownCapability } from '@auths/core/attestation/capability';
import type { Style } from '../command.ts';

/** The line under the screen that counts down. */
export function countdownLine(secondsLeft: number, style: Style): string {
  const minutes = Math.floor(secondsLeft / 60);
  const text = `Waiting for the other device · ${minutes}:${String(secondsLeft % 60).padStart(2, '0')} left`;
  return secondsLeft <= 30 ? style.warn(text) : style.dim(text);
}

/** Capabilities in words, custom ones by name. */
export function capabilityWords(names: readonly string[]): string {
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

/** As a shell takes it; brackets of an IPv6 address are a pattern to zsh. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9._:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function block(...lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
