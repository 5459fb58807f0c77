import { describe, expect, it } from 'vitest';
import { pair } from '../../src/commands/pair.ts';
import {
  parseHostFlags as parseHostFlagsAt,
  parseJoinFlags,
  type PairFlags,
} from '../../src/pairing/flags.ts';

const none = Object.fromEntries(
  Object.entries(pair.flags).map(([name, { kind }]) => [
    name,
    kind === 'switch' ? false : kind === 'list' ? [] : undefined,
  ]),
) as unknown as PairFlags;
const given = (flags: Readonly<Record<string, unknown>>): PairFlags => ({ ...none, ...flags });
const NOW = Date.UTC(2026, 10, 26);
const parseHostFlags = (flags: PairFlags): ReturnType<typeof parseHostFlagsAt> =>
  parseHostFlagsAt(flags, NOW);
const failing = (code: string, text = ''): Error =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;

describe('flags of the host', () => {
  it('default to what is promised', () => {
    expect(parseHostFlags(none)).toEqual({
      registry: null,
      code: 'short6',
      qr: true,
      link: false,
      mdns: true,
      ttlSeconds: 300,
      capabilities: ['sign_commit'],
      offline: false,
      bind: null,
      allowHosts: [],
      confirm: false,
      expectDevice: null,
      deviceExpiresInMs: null,
      timeoutMs: 300_000,
    });
  });

  it.each(['301', '86400', '0', '29', '-1', 'NaN', '1e2', '', '60.5', ' 60', '60s', '99999999999'])(
    'A12 refuse --expiry %j',
    (expiry) => {
      expect(() => parseHostFlags(given({ expiry }))).toThrow(failing('pairing/ttl-out-of-range'));
    },
  );

  it.each([
    ['30', 30],
    ['300', 300],
  ])('take --expiry %s', (expiry, ttlSeconds) => {
    expect(parseHostFlags(given({ expiry }))).toMatchObject({ ttlSeconds, timeoutMs: ttlSeconds * 1000 });
  });

  it('sort the capabilities and refuse what is none', () => {
    expect(parseHostFlags(given({ capabilities: 'sign_tag, sign_commit' })).capabilities).toEqual([
      'sign_commit',
      'sign_tag',
    ]);
    for (const capabilities of ['', ',', 'Sign', 'a b', 'x'.repeat(65)]) {
      expect(() => parseHostFlags(given({ capabilities }))).toThrow(
        failing('usage/invalid', '--capabilities'),
      );
    }
  });

  it.each([
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['http://127.0.0.1:3000/', 'http://127.0.0.1:3000'],
    ['https://auths.example.org', 'https://auths.example.org'],
    ['http://laptop.tailnet.ts.net:3000', 'http://laptop.tailnet.ts.net:3000'],
  ])('take --registry %s', (registry, origin) => {
    expect(parseHostFlags(given({ registry })).registry).toBe(origin);
  });

  it.each(['127.0.0.1:3000', 'ftp://x', 'http://user@x', 'http://x/path', 'http://x?y', 'http://', ''])(
    'refuse --registry %j',
    (registry) => {
      expect(() => parseHostFlags(given({ registry }))).toThrow(failing('usage/invalid', '--registry'));
    },
  );

  it('keep the two sides and the two modes apart', () => {
    for (const flags of [
      { host: 'http://10.0.0.1:1' },
      { name: 'x' },
      { git: 'none' },
      { 'expect-host': 'did:keri:E' },
    ]) {
      expect(() => parseHostFlags(given(flags))).toThrow(failing('usage/invalid', '--join'));
    }
    expect(() => parseHostFlags(given({ registry: 'http://10.0.0.1:1', bind: '10.0.0.2' }))).toThrow(
      failing('usage/invalid', '--bind'),
    );
    expect(() => parseHostFlags(given({ registry: 'http://10.0.0.1:1', offline: true }))).toThrow(
      failing('usage/invalid', '--offline'),
    );
  });

  it('choose one kind of code, a link beside it, and an end for the device', () => {
    expect(parseHostFlags(given({ pin: true }))).toMatchObject({ code: 'pin8', link: false });
    expect(parseHostFlags(given({ long: true, link: true }))).toMatchObject({ code: 'code12', link: true });
    expect(() => parseHostFlags(given({ pin: true, long: true }))).toThrow(
      failing('usage/invalid', '--long'),
    );
    const life = (text: string): number | null =>
      parseHostFlags(given({ 'device-expires': text })).deviceExpiresInMs;
    expect(life('90d')).toBe(90 * 86_400_000);
    expect(life('2026-11-27T00:00:00Z')).toBe(86_400_000);
    for (const text of ['2026-11-25T00:00:00Z', '2026-11-26T00:00:00Z', '0d', '90', '-1d', 'soon', ''])
      expect(() => life(text), text).toThrow(failing('usage/invalid', '--device-expires'));
  });

  it('refuse --via by name: it comes later', () => {
    expect(() => parseHostFlags(given({ via: 'did:keri:E' }))).toThrow(failing('usage/invalid', '--via'));
  });
});

describe('flags of the joiner', () => {
  it('default to a search', () => {
    expect(parseJoinFlags(none)).toEqual({
      registry: null,
      host: null,
      hostZone: null,
      name: null,
      git: null,
      expectHost: null,
      timeoutMs: null,
    });
  });

  it('take one way to the host', () => {
    expect(parseJoinFlags(given({ host: 'http://[fd00::2]:8400' })).host).toBe('http://[fd00::2]:8400');
    expect(() => parseJoinFlags(given({ host: 'http://10.0.0.1:1', registry: 'http://10.0.0.1:2' }))).toThrow(
      failing('usage/invalid'),
    );
  });

  it('refuse what belongs to the host', () => {
    for (const flags of [
      { 'no-qr': true },
      { expiry: '60' },
      { capabilities: 'sign_tag' },
      { bind: '10.0.0.1' },
      { confirm: true },
      { 'allow-host': ['x'] },
      { pin: true },
      { link: true },
      { 'device-expires': '90d' },
    ]) {
      expect(() => parseJoinFlags(given(flags))).toThrow(failing('usage/invalid', 'host'));
    }
  });

  it('refuse a --timeout that is no time, and an --expect-host that is no DID', () => {
    expect(parseJoinFlags(given({ timeout: '5' })).timeoutMs).toBe(5_000);
    for (const timeout of ['0', '-1', 'soon', '1.5']) {
      expect(() => parseJoinFlags(given({ timeout }))).toThrow(failing('usage/invalid', '--timeout'));
    }
    for (const did of ['did:keri:', 'did:key:z6Mk', 'Alice']) {
      expect(() => parseJoinFlags(given({ 'expect-host': did }))).toThrow(
        failing('usage/invalid', '--expect-host'),
      );
    }
  });
});
