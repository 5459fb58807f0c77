/** The flags of `auths pair` as values: what is wrong with one ends the command before a code is shown. */
import { AuthsError } from '@auths/core/errors';
import { parseCapabilityList } from '@auths/core/attestation/capability';
import { parseDidKeri, parseDidKey, type DidKeri, type DidKey } from '@auths/core/identifiers';
import type { CodeKind } from '@auths/core/pairing/code';
import { TTL_SECONDS } from '@auths/core/pairing/limits';
import { parseMoment } from '../duration.ts';
import { typedOrigin } from '../typed-origin.ts';

/** What the front door hands over, as the table in commands/pair.ts declares it. */
export interface PairFlags {
  readonly registry: string | undefined;
  readonly 'no-qr': boolean;
  readonly 'no-mdns': boolean;
  readonly expiry: string | undefined;
  readonly capabilities: string | undefined;
  readonly offline: boolean;
  readonly bind: string | undefined;
  readonly 'allow-host': readonly string[];
  readonly confirm: boolean;
  readonly 'expect-device': string | undefined;
  readonly join: string | undefined;
  readonly host: string | undefined;
  readonly name: string | undefined;
  readonly git: 'local' | 'global' | 'none' | undefined;
  readonly 'expect-host': string | undefined;
  readonly timeout: string | undefined;
  readonly 'device-expires': string | undefined;
  readonly via: string | undefined;
  readonly pin: boolean;
  readonly long: boolean;
  readonly link: boolean;
}

const LATER = ['via'] as const;
const HOST_ONLY = [
  'no-qr',
  'no-mdns',
  'expiry',
  'capabilities',
  'offline',
  'bind',
  'allow-host',
  'confirm',
  'expect-device',
  'device-expires',
  'pin',
  'long',
  'link',
] as const;
const JOIN_ONLY = ['host', 'name', 'git', 'expect-host'] as const;

export interface HostSettings {
  /** Origin, or null for the local network. */
  readonly registry: string | null;
  /** The kind of the typed code. */
  readonly code: CodeKind;
  readonly qr: boolean;
  readonly link: boolean;
  readonly mdns: boolean;
  readonly ttlSeconds: number;
  readonly capabilities: readonly string[];
  readonly offline: boolean;
  readonly bind: string | null;
  readonly allowHosts: readonly string[];
  readonly confirm: boolean;
  readonly expectDevice: DidKey | null;
  /** How long the device's link shall hold; null for ever. */
  readonly deviceExpiresInMs: number | null;
  readonly timeoutMs: number;
}

export interface JoinSettings {
  readonly registry: string | null;
  /** Origin given by hand, or null to search. */
  readonly host: string | null;
  /** The interface that a link-local `host` was given with; null where none was. */
  readonly hostZone: string | null;
  readonly name: string | null;
  readonly git: 'local' | 'global' | 'none' | null;
  readonly expectHost: DidKeri | null;
  /** Null: the default of the way it searches. */
  readonly timeoutMs: number | null;
}

/** The settings of a host at `now` (epoch ms). `usage/invalid`, or `pairing/ttl-out-of-range` for --expiry. */
export function parseHostFlags(flags: PairFlags, now: number): HostSettings {
  refuseLater(flags);
  refuseOthers(flags, JOIN_ONLY, 'belongs to auths pair --join');
  const ttlSeconds = flags.expiry === undefined ? TTL_SECONDS.max : seconds('--expiry', flags.expiry);
  if (ttlSeconds < TTL_SECONDS.min || ttlSeconds > TTL_SECONDS.max)
    throw expiryOutOfRange(flags.expiry ?? '');
  const registry = originOf('--registry', flags.registry);
  if (registry !== null)
    refuseOthers(flags, ['bind', 'allow-host'], 'is for the local network, without --registry');
  if (flags.offline && registry !== null) throw usage('--offline opens no server, so it takes no --registry');
  return {
    registry,
    code: codeOf(flags),
    qr: !flags['no-qr'],
    link: flags.link,
    mdns: !flags['no-mdns'],
    ttlSeconds,
    capabilities: capabilitiesOf(flags.capabilities),
    offline: flags.offline,
    bind: flags.bind ?? null,
    allowHosts: flags['allow-host'].map(hostName),
    confirm: flags.confirm,
    expectDevice: didOf('--expect-device', flags['expect-device'], parseDidKey),
    deviceExpiresInMs: lifeOf(flags['device-expires'], now),
    timeoutMs: (flags.timeout === undefined ? ttlSeconds : positive('--timeout', flags.timeout)) * 1000,
  };
}

/** The settings of a joiner. `usage/invalid` names the flag. */
export function parseJoinFlags(flags: PairFlags): JoinSettings {
  refuseLater(flags);
  refuseOthers(flags, HOST_ONLY, 'belongs to the host, without --join');
  const registry = originOf('--registry', flags.registry);
  const { text, zone } = withoutZone(flags.host);
  const host = originOf('--host', text);
  if (registry !== null && host !== null) throw usage('--registry and --host are two ways: give one of them');
  return {
    registry,
    host,
    hostZone: zone,
    name: flags.name ?? null,
    git: flags.git ?? null,
    expectHost: didOf('--expect-host', flags['expect-host'], parseDidKeri),
    timeoutMs: flags.timeout === undefined ? null : positive('--timeout', flags.timeout) * 1000,
  };
}

function originOf(flag: string, text: string | undefined): string | null {
  return text === undefined ? null : typedOrigin(flag, text);
}

/** `http://[fe80::1%eth0]:8400`, also with the % as URLs write it, → the same without its zone, and the zone. */
function withoutZone(text: string | undefined): {
  readonly text: string | undefined;
  readonly zone: string | null;
} {
  const match = /^(http:\/\/\[fe[89ab][0-9a-f]:[0-9a-f:]*)%(?:25)?([a-z0-9][a-z0-9._-]{0,31})(\].*)$/i.exec(
    text ?? '',
  );
  if (match === null) return { text, zone: null };
  const [, before = '', zone = '', after = ''] = match;
  return { text: before + after, zone };
}

function codeOf({ pin, long }: PairFlags): CodeKind {
  if (pin && long) throw usage('--pin and --long are two kinds of code: give one of them');
  return pin ? 'pin8' : long ? 'code12' : 'short6';
}

function lifeOf(text: string | undefined, now: number): number | null {
  if (text === undefined) return null;
  const life = parseMoment(text, now, '--device-expires') - now;
  if (life > 0) return life;
  throw usage(`--device-expires ${text.slice(0, 40)} is over already`);
}

function seconds(flag: string, text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) {
    if (flag === '--expiry') throw expiryOutOfRange(text);
    throw usage(`${flag} ${text.slice(0, 40)} is not a whole number of seconds`);
  }
  return Number(text);
}

function positive(flag: string, text: string): number {
  const value = seconds(flag, text);
  if (value === 0) throw usage(`${flag} 0 waits for nobody`);
  return value;
}

function expiryOutOfRange(text: string): AuthsError<'pairing/ttl-out-of-range'> {
  return new AuthsError(
    'pairing/ttl-out-of-range',
    `--expiry ${text.slice(0, 40)} is not between 30 and 300 seconds`,
    {
      hint: 'a pairing code lives five minutes at most; run auths pair again for a fresh one',
    },
  );
}

function capabilitiesOf(list: string | undefined): readonly string[] {
  if (list === undefined) return ['sign_commit'];
  try {
    return parseCapabilityList(list);
  } catch (cause) {
    throw new AuthsError(
      'usage/invalid',
      `--capabilities ${list.slice(0, 100)} is not a list of capabilities`,
      {
        hint: 'for example --capabilities sign_commit,sign_tag',
        cause,
      },
    );
  }
}

function didOf<T>(flag: string, text: string | undefined, parse: (text: string) => T): T | null {
  if (text === undefined) return null;
  try {
    return parse(text);
  } catch (cause) {
    const form = flag === '--expect-host' ? 'did:keri:E…' : 'did:key:z6Mk…';
    throw new AuthsError('usage/invalid', `${flag} takes a whole ${form}`, { cause });
  }
}

function hostName(text: string): string {
  if (/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text)) return text;
  throw usage(`--allow-host ${text.slice(0, 80)} is not a host name`);
}

function refuseLater(flags: PairFlags): void {
  refuseOthers(flags, LATER, 'is not available in this version');
}

function refuseOthers(flags: PairFlags, names: readonly (keyof PairFlags)[], why: string): void {
  for (const name of names) {
    const value = flags[name];
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw usage(`--${name} ${why}`);
  }
}

function usage(message: string): AuthsError<'usage/invalid'> {
  return new AuthsError('usage/invalid', message, {
    hint: 'auths pair --help shows the flags of both sides',
  });
}
