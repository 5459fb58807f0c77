/** What verification says about one object: a verdict, and the checks that led to it (storage-and-verification.md 6). */
import type { DidKeri, DidKey, Said } from '../identifiers.ts';

/** Passed: attested by a trusted root, capable, neither revoked nor expired. */
export const PASSING_VERDICTS = ['valid'] as const;
/** Passed, and a person should know why. */
export const NOTED_VERDICTS = [
  'valid-before-revocation',
  'valid-before-expiry',
  'merge-clean',
  'forge-signed',
  'exempt',
] as const;
export const FAILING_VERDICTS = [
  'malformed',
  'unsigned',
  'unsupported-signature',
  'bad-signature',
  'unknown-device',
  'kel-invalid',
  'duplicity',
  'attestation-invalid',
  'attestation-unanchored',
  'untrusted-root',
  'granted-in-proposal',
  'capability-denied',
  'revoked',
  'revoked-unordered',
  'expired',
  'stale-evidence',
] as const;

export type Verdict =
  | (typeof PASSING_VERDICTS)[number]
  | (typeof NOTED_VERDICTS)[number]
  | (typeof FAILING_VERDICTS)[number]
  /** Something is missing that the question needs. */
  | 'unverifiable';

export type VerdictClass = 'passed' | 'noted' | 'failed' | 'unverifiable';

export function classOf(verdict: Verdict): VerdictClass {
  if (verdict === 'unverifiable') return 'unverifiable';
  if ((PASSING_VERDICTS as readonly string[]).includes(verdict)) return 'passed';
  return (NOTED_VERDICTS as readonly string[]).includes(verdict) ? 'noted' : 'failed';
}

export interface Check {
  readonly step: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface ObjectResult {
  /** Object id. */
  readonly object: string;
  readonly type: string;
  readonly verdict: Verdict;
  readonly controllerDid: DidKeri | null;
  readonly deviceDid: DidKey | null;
  readonly deviceName: string | null;
  readonly capabilities: readonly string[];
  /** The newest event of the controller's log that this rests on. */
  readonly asOf: { readonly sequence: number; readonly said: Said } | null;
  /** `unknown` without a notary: evidence that verifies proves who, not how recent. */
  readonly freshness: 'unknown';
  readonly checks: readonly Check[];
  readonly hint: string | null;
  /** For `unverifiable`: whether a network could supply what is missing. */
  readonly suppliable: boolean;
}

/** 1 if any result failed; else 4 or 2 if any is unverifiable (4 where a network could help with all of them); else 0. An empty list is never a pass: 2. */
export function exitOf(results: readonly ObjectResult[]): 0 | 1 | 2 | 4 {
  if (results.length === 0) return 2;
  if (results.some(({ verdict }) => classOf(verdict) === 'failed')) return 1;
  const unverifiable = results.filter(({ verdict }) => verdict === 'unverifiable');
  if (unverifiable.length === 0) return 0;
  return unverifiable.every(({ suppliable }) => suppliable) ? 4 : 2;
}
