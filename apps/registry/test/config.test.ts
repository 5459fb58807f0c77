import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '@auths/core/pairing/limits';
import { parseArguments } from '../src/arguments.ts';
import { describeConfig, LOG_LEVELS, parseConfig, type RegistryFlags } from '../src/config.ts';
import { reachableAt } from '../src/reachable.ts';

const parse = (flags: RegistryFlags = {}, env: Record<string, string> = {}): ReturnType<typeof parseConfig> =>
  parseConfig(flags, env, '/home/ada');
const usage = expect.objectContaining({ code: 'usage/invalid' }) as Error;

describe('settings of a registry', () => {
  it('are the promised ones by default', () => {
    expect(parse()).toEqual({
      bind: { value: { host: '0.0.0.0', port: 3000 }, source: 'default' },
      repo: { value: '/home/ada/.auths', source: 'default' },
      cors: { value: false, source: 'default' },
      logLevel: { value: 'info', source: 'default' },
      limits: {
        value: { ...DEFAULT_LIMITS, eventsPerMinute: 30, identitiesPerHour: 5 },
        source: 'default',
      },
      trustProxy: { value: [], source: 'default' },
      allowHosts: { value: [], source: 'default' },
      witness: { value: false, source: 'default' },
    });
    expect(parse({}, { AUTHS_HOME: '/srv/auths' }).repo).toEqual({ value: '/srv/auths', source: 'default' });
  });

  it('come from the environment before the flags, each by itself', () => {
    const flags = {
      bind: '127.0.0.1:4000',
      repo: '/flag',
      cors: true,
      logLevel: 'debug',
      limit: ['createPerMinute=1', 'liveSessions=2'],
    };
    const env = {
      AUTHS_BIND_ADDR: '127.0.0.1:5000',
      AUTHS_REPO_PATH: '/env',
      AUTHS_CORS: 'off',
      AUTHS_LOG_LEVEL: 'error',
      AUTHS_LIMITS: 'createPerMinute=9',
    };
    expect(parse(flags)).toMatchObject({
      bind: { value: { port: 4000 }, source: '--bind' },
      repo: { value: '/flag', source: '--repo' },
      cors: { value: true, source: '--cors' },
      logLevel: { value: 'debug', source: '--log-level' },
      limits: { value: { createPerMinute: 1, liveSessions: 2 }, source: '--limit' },
    });
    expect(parse(flags, env)).toMatchObject({
      bind: { value: { port: 5000 }, source: 'AUTHS_BIND_ADDR' },
      repo: { value: '/env', source: 'AUTHS_REPO_PATH' },
      cors: { value: false, source: 'AUTHS_CORS' },
      logLevel: { value: 'error', source: 'AUTHS_LOG_LEVEL' },
      limits: { value: { createPerMinute: 9, liveSessions: 2 } },
    });
    expect(parse(flags, { AUTHS_LOG_LEVEL: 'silent' })).toMatchObject({ bind: { source: '--bind' } });
  });

  it('count an empty variable as unset', () => {
    const env = {
      AUTHS_BIND_ADDR: '',
      AUTHS_REPO_PATH: '',
      AUTHS_CORS: '',
      AUTHS_LOG_LEVEL: '',
      AUTHS_LIMITS: '',
      AUTHS_REDIS_URL: '',
      AUTHS_HOME: '',
    };
    expect(parse({}, env)).toEqual(parse());
  });

  it.each([
    ['1', true],
    ['true', true],
    ['on', true],
    ['ON', true],
    ['0', false],
    ['false', false],
    ['off', false],
  ])('AUTHS_CORS=%s is %s', (text, value) => {
    expect(parse({ cors: !value }, { AUTHS_CORS: text }).cors.value).toBe(value);
  });

  it.each([
    [{ AUTHS_CORS: 'yes' }],
    [{ AUTHS_CORS: '2' }],
    [{ AUTHS_LOG_LEVEL: 'loud' }],
    [{ AUTHS_BIND_ADDR: '0.0.0.0:99999' }],
    [{ AUTHS_BIND_ADDR: ':3000' }],
    [{ AUTHS_BIND_ADDR: '::1:3000' }],
    [{ AUTHS_BIND_ADDR: 'example.org:3000' }],
    [{ AUTHS_BIND_ADDR: '127.0.0.1:' }],
    [{ AUTHS_LIMITS: 'createPerMinute' }],
    [{ AUTHS_LIMITS: 'createPerMinute=-1' }],
    [{ AUTHS_LIMITS: 'createPerMinute=1.5' }],
    [{ AUTHS_LIMITS: 'nothingKnown=1' }],
    [{ AUTHS_LIMITS: 'toString=1' }],
    [{ AUTHS_LIMITS: 'ttlSeconds=301' }],
    [{ AUTHS_REDIS_URL: 'redis://localhost' }],
  ])('refuses %j', (env) => {
    expect(() => parse({}, env)).toThrow(usage);
    const [name = ''] = Object.keys(env);
    expect(() => parse({}, env)).toThrow(new RegExp(name === 'AUTHS_LIMITS' ? 'AUTHS_LIMITS' : name));
  });

  it.each([
    ['127.0.0.1:3000', { host: '127.0.0.1', port: 3000 }],
    ['127.0.0.1', { host: '127.0.0.1', port: 3000 }],
    ['[::1]:4000', { host: '::1', port: 4000 }],
    ['[::]', { host: '::', port: 3000 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
  ])('reads the address %s', (text, value) => {
    expect(parse({ bind: text }).bind.value).toEqual(value);
  });

  it('reads every log level that is promised', () => {
    for (const level of LOG_LEVELS) expect(parse({ logLevel: level }).logLevel.value).toBe(level);
  });

  it.each([
    [{ trustProxy: ['10.0.0.0/33'] }],
    [{ trustProxy: ['all'] }],
    [{ trustProxy: ['10.0.0.0/8/8'] }],
    [{ allowHost: ['pair.example.org:80'] }],
    [{ allowHost: ['*'] }],
  ])('refuses the flags %j', (flags) => {
    expect(() => parse(flags)).toThrow(usage);
  });

  it('are printed with their source', () => {
    const lines = describeConfig(parse({ limit: ['createPerMinute=7'] }, { AUTHS_CORS: 'on' })).join('\n');
    expect(lines).toMatch(/bind +0\.0\.0\.0:3000 +\(default\)/);
    expect(lines).toMatch(/cors +on +\(AUTHS_CORS\)/);
    expect(lines).toMatch(/limits +createPerMinute=7 +\(--limit\)/);
  });
});

describe('arguments of a registry', () => {
  it('give the flags', () => {
    const argv = [
      '--bind',
      '1.2.3.4:5',
      '--cors',
      '--limit',
      'a=1',
      '--limit',
      'b=2',
      '--log-level',
      'warn',
      '--allow-host',
      'x.org',
    ];
    expect(parseArguments(argv, '1.2.3')).toEqual({
      run: true,
      flags: { bind: '1.2.3.4:5', cors: true, limit: ['a=1', 'b=2'], logLevel: 'warn', allowHost: ['x.org'] },
    });
  });

  it('print help and version', () => {
    expect(parseArguments(['--version'], '1.2.3')).toMatchObject({ run: false, text: '1.2.3\n' });
    const help = parseArguments(['--help'], '1.2.3');
    expect(help.run ? '' : help.text).toContain('AUTHS_BIND_ADDR');
    expect(help.run ? '' : help.text).toContain('createPerMinute');
    expect(help.run ? '' : help.text).not.toContain('--redis');
  });

  it.each([['--nope'], ['extra'], ['--bind']])('refuse %s', (...argv) => {
    expect(() => parseArguments(argv, '1')).toThrow(usage);
  });

  it.each([
    ['--redis', 'redis://localhost'],
    ['--require-identity'],
    ['--tls-cert', 'a.pem'],
    ['--tls-key', 'b.pem'],
  ])('refuse %s by name: it belongs to a later version', (...argv) => {
    expect(() => parseArguments(argv, '1')).toThrow(
      expect.objectContaining({
        code: 'usage/invalid',
        message: expect.stringContaining(argv[0] ?? '') as string,
      }) as Error,
    );
  });
});

const entry = (address: string, family: 'IPv4' | 'IPv6'): never =>
  ({ address, family, internal: false }) as never;

describe('where a registry is reachable', () => {
  const interfaces = {
    lo: [entry('127.0.0.1', 'IPv4'), entry('::1', 'IPv6')],
    eth0: [entry('10.0.0.2', 'IPv4'), entry('fe80::1', 'IPv6'), entry('fd00::2', 'IPv6')],
  };
  it('names every address of the machine when it listens on all', () => {
    expect(reachableAt([{ address: '0.0.0.0', family: 'IPv4', port: 3000 }], interfaces)).toEqual([
      'http://127.0.0.1:3000',
      'http://10.0.0.2:3000',
    ]);
    expect(reachableAt([{ address: '::', family: 'IPv6', port: 3000 }], interfaces)).toContain(
      'http://[fd00::2]:3000',
    );
    expect(reachableAt([{ address: '::', family: 'IPv6', port: 3000 }], interfaces).join(' ')).not.toContain(
      'fe80',
    );
    expect(reachableAt([{ address: '127.0.0.1', family: 'IPv4', port: 1 }], interfaces)).toEqual([
      'http://127.0.0.1:1',
    ]);
  });
});
