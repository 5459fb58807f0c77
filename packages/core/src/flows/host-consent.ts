/** Who must look before a device is let in (docs/protocol.md, "Codes"), and the question put to that person. */
import { AuthsError } from '../errors.ts';
import type { SlotKind } from '../pairing/code.ts';
import { CONSENT_MS } from '../pairing/limits.ts';
import { isSameSas } from '../pairing/sas.ts';
import type { CancelSignal, Clock, DidKey } from '../ports.ts';
import { within } from './cancel.ts';

export type ConfirmRule = 'type' | 'yes' | 'none';

export interface ConsentOptions {
  readonly mode: 'lan' | 'registry';
  /** `--confirm`: ask also for a scanned QR. */
  readonly confirm: boolean;
  /** `--yes`: answers "yes" questions, but never short6 over a registry and never a link. */
  readonly yes: boolean;
  /** `--expect-device`: replaces the person. */
  readonly expectDevice?: DidKey;
}

/** short6: LAN yes, registry type · pin8, code12: yes · link: type · qr: none, yes with --confirm. */
export function confirmRule(kind: SlotKind, options: ConsentOptions): ConfirmRule {
  if (options.expectDevice !== undefined) return 'none';
  const rule = baseRule(kind, options);
  return rule === 'yes' && options.yes ? 'none' : rule;
}

function baseRule(kind: SlotKind, { mode, confirm }: ConsentOptions): ConfirmRule {
  const rules: Readonly<Record<SlotKind, ConfirmRule>> = {
    short6: mode === 'registry' ? 'type' : 'yes',
    pin8: 'yes',
    code12: 'yes',
    qr: confirm ? 'yes' : 'none',
    link: 'type',
  };
  return rules[kind];
}

export interface ConsentQuestion {
  readonly confirm: 'type' | 'yes';
  readonly kind: SlotKind;
  readonly deviceDid: DidKey;
  readonly deviceName: string;
  /** What the device's screen must show. For `type` the person types what is there, not what is here. */
  readonly sas: string;
  /** From 1. */
  readonly tryNumber: number;
  readonly triesLeft: number;
}

/** The typed text for `type`, true or false for `yes`, null when nobody is there to ask. */
export type Ask = (question: ConsentQuestion, signal: CancelSignal) => Promise<string | boolean | null>;

/**
 * Resolves when the person agreed. `declined`, `sas-mismatch` after the last try, `confirmation-required` when nobody is
 * there or 120 s have passed.
 */
export async function requireConsent(
  clock: Clock,
  ask: Ask,
  question: Omit<ConsentQuestion, 'tryNumber' | 'triesLeft'>,
  tries: number,
  signal: CancelSignal,
): Promise<void> {
  await within(
    clock,
    CONSENT_MS,
    () => nobody('nobody answered within 120 s'),
    signal,
    async (own) => {
      const most = question.confirm === 'type' ? tries : 1;
      for (let tryNumber = 1; tryNumber <= most; tryNumber++) {
        const answer = await ask({ ...question, tryNumber, triesLeft: most - tryNumber }, own);
        if (answer === null) throw nobody('nobody is there to confirm it');
        if (answer === false) throw declined();
        if (question.confirm === 'yes') {
          if (answer === true) return;
          throw declined();
        }
        if (typeof answer === 'string' && isSameSas(answer, question.sas)) return;
      }
      throw new AuthsError('pairing/sas-mismatch', 'what was typed is not what the devices share', {
        hint: 'If the screens really differ, someone is in between: do not pair over this network.',
      });
    },
  );
}

function declined(): AuthsError<'pairing/declined'> {
  return new AuthsError('pairing/declined', 'the device was turned away');
}

/** The error of a question that nobody could be asked. */
export function nobody(why: string): AuthsError<'pairing/confirmation-required'> {
  return new AuthsError('pairing/confirmation-required', `this device needs a confirmation: ${why}`, {
    hint: 'Run it on a terminal, name the device with --expect-device, or answer --yes where that is allowed.',
  });
}
