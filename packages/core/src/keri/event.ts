/** Events as read from their text: what each field says, nothing judged yet beyond its form. */
import type { Prefix, Said } from '../identifiers.ts';
import type { Threshold } from './threshold.ts';

export type Ilk = 'icp' | 'rot' | 'ixn' | 'dip' | 'drt';

/** icp and dip; rot and drt. Fields that an event does not have are empty. */
export interface Establishment {
  /** `k`: CESR text of the signing keys, B or D. */
  readonly keys: readonly string[];
  /** `kt` and `nt`: hex text or a list of weights as received. */
  readonly keyThreshold: unknown;
  readonly nextThreshold: unknown;
  readonly signing: Threshold;
  readonly rotating: Threshold;
  /** `n`: digests of the next keys' texts. */
  readonly next: readonly string[];
  readonly witnessThreshold: number;
  /** `b` of an inception, `ba` of a rotation. */
  readonly added: readonly string[];
  /** `br` of a rotation. */
  readonly removed: readonly string[];
  /** `c` of an inception. */
  readonly traits: readonly string[];
  /** `di` of a dip. */
  readonly delegator: Prefix | null;
}

export interface ParsedEvent {
  readonly ilk: Ilk;
  readonly said: Said;
  readonly prefix: Prefix;
  readonly sequence: number;
  /** `p`; null for an inception. */
  readonly prior: string | null;
  /** Null for an ixn. */
  readonly establishment: Establishment | null;
  /** `a`, each seal as JSON.parse gives it: labels in the form of numbers come first there, the bytes keep their order. Read anew each time it is asked for. */
  readonly seals: readonly unknown[];
  /** Exact bytes, a view into what was received. */
  readonly bytes: Uint8Array;
}

/** A rct message: whose event it receipts. It has no SAID of its own. */
export interface ParsedReceipt {
  readonly ilk: 'rct';
  readonly said: Said;
  readonly prefix: Prefix;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** True for rot and drt. */
export function isRotation(event: ParsedEvent): boolean {
  return event.ilk === 'rot' || event.ilk === 'drt';
}

/** True for icp and dip. */
export function isInception(event: ParsedEvent): boolean {
  return event.ilk === 'icp' || event.ilk === 'dip';
}
