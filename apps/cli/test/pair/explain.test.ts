import { AuthsError, type ErrorCode } from '@auths/core/errors';
import { parseJoinInput } from '@auths/core/pairing/uri';
import { describe, expect, it } from 'vitest';
import { explain, type Situation } from '../../src/pairing/explain.ts';

const joining: Situation = { side: 'join', mode: 'lan', endpoint: null, connected: true };
const hintFor = (code: ErrorCode, details = {}): string | undefined =>
  (explain(new AuthsError(code, 'what happened', { details }), joining) as AuthsError).hint;

describe('a pairing that fails says what to type next', () => {
  it.each([
    ['pairing/attempts-exhausted', /auths pair --join CODE/],
    ['pairing/cancelled', /auths pair --join CODE/],
    ['pairing/session-expired', /auths pair on the host again/],
  ] as const)('%s', (code, hint) => {
    expect(hintFor(code)).toMatch(hint);
  });

  it('a host that is not the identity it names', () => {
    expect(hintFor('pairing/host-identity-invalid')).toContain(
      'run auths doctor on the host and then auths pair there again',
    );
  });

  it('an answer that cannot be read', () => {
    expect(hintFor('pairing/malformed')).toContain('see auths --version on the other device');
  });

  it('too many calls, with the time to wait', () => {
    expect(hintFor('pairing/rate-limited', { retry_after: 37 })).toBe(
      'wait 37 s, then run the same command again',
    );
    expect(hintFor('pairing/rate-limited')).toMatch(/^wait a minute, then/);
  });

  it.each([
    'auths://pair?v=1&e=aHR0',
    'https://auths.example/pair#v=1',
    'AUTHS:ABC',
    'https://auths.example/pair#AUTHS:A',
  ])('a damaged link or QR text: %s', (text) => {
    expect(() => parseJoinInput(text)).toThrow(
      expect.objectContaining({
        code: 'pairing/malformed',
        hint: expect.stringContaining('auths pair --join CODE') as string,
      }),
    );
  });
});
