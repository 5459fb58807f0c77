import { describe, expect, it } from 'vitest';
import { pair } from '../../src/commands/pair.ts';
import { parseHostFlags, parseJoinFlags, type PairFlags } from '../../src/pairing/flags.ts';

const none = Object.fromEntries(
  Object.entries(pair.flags).map(([name, { kind }]) => [
    name,
    kind === 'switch' ? false : kind === 'list' ? [] : undefined,
  ]),
) as unknown as PairFlags;
const given = (flags: Readonly<Record<string, unknown>>): PairFlags => ({ ...none, ...flags });
const failing = (code: string, text = ''): Error =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;

describe('flags of the host', () => {
  it('default to what is promised', () => {
    expect(parseHostFlags(none)).toEqual({
      registry: null,
      qr: true,
      mdns: true,
      ttlSeconds: 300,
      capabilities: ['sign_commit'],
      offline: false,
      bind: null,
      allowHosts: [],
      confirm: false,
      expectDevice: null,
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

  it.each(['pin', 'long', 'link', 'device-expires', 'via'])('refuse --%s by name: it comes later', (name) => {
    const value = ['device-expires', 'via'].includes(name) ? '90d' : true;
    expect(() => parseHostFlags(given({ [name]: value }))).toThrow(failing('usage/invalid', `--${name}`));
    expect(() => parseJoinFlags(given({ [name]: value }))).toThrow(failing('usage/invalid', `--${name}`));
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
