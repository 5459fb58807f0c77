/** The rules of a key event log by name, what breaking each one means, and the error that carries it inside. */
import { AuthsError, isAuthsError } from '../errors.ts';
import type { CesrRule } from '../encoding/cesr.ts';

/**
 * `reject` can never become valid; `pending` is not acceptable now (signatures, receipts, an earlier event or a
 * seal are missing); `duplicity` is validly signed but conflicts with an accepted event.
 */
export type Refusal = 'reject' | 'pending' | 'duplicity';

/** The rule that failed; stable names, part of the JSON output of `kel verify`. */
export type Rule =
  | CesrRule
  // text
  | 'bounds'
  | 'utf8'
  | 'version-string'
  | 'size-mismatch'
  | 'json-syntax'
  | 'json-compact'
  | 'json-escape'
  | 'json-number'
  | 'json-duplicate-key'
  | 'ilk'
  | 'field-set'
  | 'field-type'
  // values
  | 'sn-format'
  | 'key-code'
  | 'digest-code'
  | 'prefix-code'
  | 'witness-code'
  | 'said-mismatch'
  | 'prefix-mismatch'
  | 'keys-empty'
  | 'keys-duplicate'
  | 'next-duplicate'
  | 'threshold-invalid'
  | 'threshold-unsatisfiable'
  | 'toad-range'
  | 'witness-duplicate'
  | 'witness-cut'
  | 'witness-add'
  // attachments
  | 'counter-code'
  | 'attachment-trailing'
  // the log
  | 'kel-empty'
  | 'first-not-inception'
  | 'prefix-foreign'
  | 'sn-sequence'
  | 'prior-mismatch'
  | 'nontransferable'
  | 'abandoned'
  | 'est-only'
  | 'ilk-delegation'
  | 'duplicity'
  // signatures
  | 'sig-missing'
  | 'sig-invalid'
  | 'threshold-unmet'
  | 'next-commitment'
  | 'next-threshold-unmet'
  | 'toad-unmet'
  // delegation
  | 'delegator-missing'
  | 'delegator-invalid'
  | 'delegation-forbidden'
  | 'delegation-seal-missing'
  // receipts
  | 'receipt-missing'
  | 'receipt-event-unknown'
  | 'receipt-event-mismatch'
  | 'receipt-signature'
  | 'receipt-transferable'
  | 'receipt-endorser-unknown';

const PENDING: ReadonlySet<Rule> = new Set<Rule>([
  'first-not-inception',
  'threshold-unmet',
  'next-commitment',
  'next-threshold-unmet',
  'toad-unmet',
  'delegator-missing',
  'delegator-invalid',
  'delegation-seal-missing',
  'receipt-event-unknown',
  'receipt-endorser-unknown',
]);

export interface Fault {
  readonly verdict: Refusal;
  readonly rule: Rule;
  /** One sentence for people. */
  readonly reason: string;
}

/** A fault with the verdict that its rule implies, unless another is given. */
export function fault(rule: Rule, reason: string, verdict?: Refusal): Fault {
  return {
    rule,
    reason,
    verdict: verdict ?? (rule === 'duplicity' ? 'duplicity' : PENDING.has(rule) ? 'pending' : 'reject'),
  };
}

/** The same as an error, for the readers of text; `faultOf` turns it back. */
export function refuse(rule: Rule, reason: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', reason, { details: { rule } });
}

/** The fault of an error raised by `refuse` or by the CESR decoder; other errors are bugs and pass through. */
export function faultOf(error: unknown): Fault {
  if (isAuthsError(error) && typeof error.details['rule'] === 'string') {
    return fault(error.details['rule'] as Rule, error.message);
  }
  throw error;
}
