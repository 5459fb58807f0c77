/**
 * The settings of a registry from its flags and environment. The environment beats the flags, an empty
 * variable is unset, and what cannot be read ends the start: a server never runs on half of what was asked.
 */
import { isIP } from 'node:net';
import { AuthsError } from '@auths/core/errors';
import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import type { PairingLimits } from '@auths/core/pairing/limits';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

/** Where a setting came from: the variable's name, the flag's, or `default`. */
type Source = string;

interface Setting<T> {
  readonly value: T;
  readonly source: Source;
}

/** What an operator may set: the relay's limits, and those of a witness. */
export interface RegistryLimits extends PairingLimits {
  /** Streams that one address may send to the witness in a minute. */
  readonly eventsPerMinute: number;
  /** Identities, not known before, that one address may bring to the witness in an hour. */
  readonly identitiesPerHour: number;
}

export const REGISTRY_LIMITS: RegistryLimits = {
  ...DEFAULT_LIMITS,
  eventsPerMinute: 30,
  identitiesPerHour: 5,
};

export interface RegistryConfig {
  readonly bind: Setting<{ readonly host: string; readonly port: number }>;
  /** Folder of the identity directory; the repository is `registry.git` in it. */
  readonly repo: Setting<string>;
  readonly cors: Setting<boolean>;
  readonly logLevel: Setting<LogLevel>;
  /** All limits; the source names each one that was set. */
  readonly limits: Setting<RegistryLimits>;
  /** Proxies whose X-Forwarded-For is believed, CIDR or address. Empty: nobody's is. */
  readonly trustProxy: Setting<readonly string[]>;
  /** Host names that requests may carry besides addresses and localhost. Empty: any. */
  readonly allowHosts: Setting<readonly string[]>;
  readonly witness: Setting<boolean>;
}

/** What the argument parser hands over; undefined where the flag was not given. */
export interface RegistryFlags {
  readonly bind?: string | undefined;
  readonly repo?: string | undefined;
  readonly cors?: boolean | undefined;
  readonly logLevel?: string | undefined;
  readonly limit?: readonly string[] | undefined;
  readonly trustProxy?: readonly string[] | undefined;
  readonly allowHost?: readonly string[] | undefined;
  readonly witness?: boolean | undefined;
  readonly passphraseFile?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws `usage/invalid` naming the flag or variable that cannot be read. `home` is the user's home folder. */
export function parseConfig(flags: RegistryFlags, env: Environment, home: string): RegistryConfig {
  refuseLater(env);
  const settings = { flags, env };
  return {
    bind: pick(settings, 'AUTHS_BIND_ADDR', '--bind', flags.bind, parseAddress, {
      host: '0.0.0.0',
      port: 3000,
    }),
    repo: pick(settings, 'AUTHS_REPO_PATH', '--repo', flags.repo, (text) => text, defaultRepo(env, home)),
    cors: parseCors(flags, env),
    logLevel: pick(settings, 'AUTHS_LOG_LEVEL', '--log-level', flags.logLevel, parseLogLevel, 'info'),
    limits: parseLimits(flags, env),
    trustProxy: listed('--trust-proxy', flags.trustProxy, parseNetwork),
    allowHosts: listed('--allow-host', flags.allowHost, parseHostName),
    witness: parseWitness(flags),
  };
}

/** One line per setting, `name  value  (source)`, for the start. */
export function describeConfig(config: RegistryConfig): readonly string[] {
  const { bind, repo, cors, logLevel, limits, trustProxy, allowHosts, witness } = config;
  const changed = Object.entries(limits.value).filter(
    ([name, value]) => value !== REGISTRY_LIMITS[name as keyof RegistryLimits],
  );
  const rows: readonly (readonly [string, string, Source])[] = [
    ['bind', formatAddress(bind.value), bind.source],
    ['repo', repo.value, repo.source],
    ['cors', cors.value ? 'on' : 'off', cors.source],
    ['log level', logLevel.value, logLevel.source],
    [
      'limits',
      changed.map(([name, value]) => `${name}=${value}`).join(' ') || 'as documented',
      limits.source,
    ],
    ['proxies trusted', trustProxy.value.join(' ') || 'none', trustProxy.source],
    ['host names', allowHosts.value.join(' ') || 'any', allowHosts.source],
    ['sessions', 'in memory', 'default'],
    ['witness', witness.value ? 'yes' : 'no', witness.source],
  ];
  return rows.map(([name, value, source]) => `  ${name.padEnd(16)} ${value}  (${source})`);
}

function formatAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** Flags and variables of parts that this version does not have: refused by name, so nobody believes they work. */
export const LATER_FLAGS: readonly string[] = ['redis', 'require-identity', 'tls-cert', 'tls-key'];

export function laterFlag(name: string): AuthsError<'usage/invalid'> {
  return new AuthsError('usage/invalid', `${name} is not available in this version`, {
    hint: `start auths-registry without ${name}`,
  });
}

function refuseLater(env: Environment): void {
  if (isSet(env['AUTHS_REDIS_URL'])) throw laterFlag('AUTHS_REDIS_URL');
}

function pick<T>(
  { env }: { readonly env: Environment },
  variable: string,
  flag: string,
  given: string | undefined,
  parse: (text: string, name: string) => T,
  fallback: T,
): Setting<T> {
  const fromEnvironment = env[variable];
  if (isSet(fromEnvironment)) return { value: parse(fromEnvironment, variable), source: variable };
  if (given !== undefined) return { value: parse(given, flag), source: flag };
  return { value: fallback, source: 'default' };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function defaultRepo(env: Environment, home: string): string {
  return isSet(env['AUTHS_HOME']) ? env['AUTHS_HOME'] : `${home}/.auths`;
}

function parseCors(flags: RegistryFlags, env: Environment): Setting<boolean> {
  const text = env['AUTHS_CORS'];
  if (!isSet(text)) {
    return flags.cors === true ? { value: true, source: '--cors' } : { value: false, source: 'default' };
  }
  if (/^(?:1|true|on)$/i.test(text)) return { value: true, source: 'AUTHS_CORS' };
  if (/^(?:0|false|off)$/i.test(text)) return { value: false, source: 'AUTHS_CORS' };
  throw unreadable('AUTHS_CORS', text, '1, true or on; 0, false or off');
}

function parseWitness({ witness = false, passphraseFile }: RegistryFlags): Setting<boolean> {
  if (!witness && passphraseFile !== undefined) {
    throw new AuthsError('usage/invalid', '--passphrase-file is for the key of a witness', {
      hint: 'auths-registry --witness --passphrase-file FILE',
    });
  }
  return witness ? { value: true, source: '--witness' } : { value: false, source: 'default' };
}

function parseLogLevel(text: string, name: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text.toLowerCase());
  if (level === undefined) throw unreadable(name, text, LOG_LEVELS.join(', '));
  return level;
}

/** `ADDR`, `ADDR:PORT`, `[IPV6]`, `[IPV6]:PORT`; ADDR is an address or `localhost`; the port 3000 when left out. */
function parseAddress(text: string, name: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const [, six, other, port = '3000'] = match ?? [];
  const host = six ?? other ?? '';
  const valid = six === undefined ? isIP(host) === 4 || host === 'localhost' : isIP(six) === 6;
  if (!valid || Number(port) > 65_535) {
    throw unreadable(name, text, 'an address with a port, such as 127.0.0.1:3000 or [::1]:3000');
  }
  return { host, port: Number(port) };
}

function parseLimits(flags: RegistryFlags, env: Environment): Setting<RegistryLimits> {
  const limits: Record<string, number> = { ...REGISTRY_LIMITS };
  const sources: string[] = [];
  const apply = (text: string, name: string): void => {
    const [key = '', value = ''] = text.split(/=(.*)/s);
    if (!Object.hasOwn(REGISTRY_LIMITS, key) || !/^\d{1,10}$/.test(value)) {
      throw unreadable(name, text, `NAME=N with one of ${Object.keys(REGISTRY_LIMITS).join(', ')}`);
    }
    limits[key] = Number(value);
    if (!sources.includes(name)) sources.push(name);
  };
  for (const text of flags.limit ?? []) apply(text, '--limit');
  const variable = env['AUTHS_LIMITS'];
  if (isSet(variable)) {
    for (const text of variable.split(/[\s,]+/).filter((part) => part !== '')) apply(text, 'AUTHS_LIMITS');
  }
  const value = limits as unknown as RegistryLimits;
  if (value.ttlSeconds < 30 || value.ttlSeconds > 300) {
    throw unreadable(sources.at(-1) ?? '--limit', `ttlSeconds=${value.ttlSeconds}`, '30 to 300');
  }
  return { value, source: sources.join(' over ') || 'default' };
}

function listed<T>(
  flag: string,
  given: readonly string[] | undefined,
  parse: (text: string, flag: string) => T,
): Setting<readonly T[]> {
  if (given === undefined || given.length === 0) return { value: [], source: 'default' };
  return { value: given.map((text) => parse(text, flag)), source: flag };
}

function parseNetwork(text: string, flag: string): string {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  const width = family === 6 ? 128 : 32;
  const valid = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width);
  if (family === 0 || !valid || rest.length > 0) throw unreadable(flag, text, 'CIDR such as 10.0.0.0/8');
  return text;
}

function parseHostName(text: string, flag: string): string {
  if (!/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text)) {
    throw unreadable(flag, text, 'a host name without a port, such as pair.example.org');
  }
  return text.toLowerCase();
}

function unreadable(name: string, text: string, wanted: string): AuthsError<'usage/invalid'> {
  return new AuthsError('usage/invalid', `${name} cannot be read: "${text.slice(0, 80)}"`, {
    hint: `give ${wanted}`,
  });
}
