/** Signatures over events: which positions verified, which commitments they expose, which witnesses receipted. */
import { decodeCesrFixed } from '../encoding/cesr.ts';
import { latin1 } from '../encoding/text.ts';
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import type { VerifyEngine } from '../ports.ts';
import type { Attachments, IndexedSignature } from './attachments.ts';
import { type Fault, fault } from './rules.ts';
import { digest } from './said.ts';
import type { Authority, WitnessReceipt } from './state.ts';
import { isSatisfied } from './threshold.ts';

/**
 * Controller signatures against the keys and threshold in force, and for a rotation the prior commitment:
 * each verified signature with an ondex exposes n[ondex] when the digest of its key's text stands there.
 * Signatures that do not verify, or whose index is out of range, count for nothing; those that counted are added to
 * `kept`. `null` when satisfied.
 */
export function judgeSignatures(
  engine: VerifyEngine,
  message: Uint8Array,
  signatures: readonly IndexedSignature[],
  authority: Authority,
  prior: Authority | null,
  kept: IndexedSignature[] = [],
): Fault | null {
  if (signatures.length === 0) return fault('sig-missing', 'no controller signature is attached');
  const verified = new Set<number>();
  const exposed = new Set<number>();
  for (const attached of signatures) {
    const { index, ondex, signature } = attached;
    const key = authority.rawKeys[index];
    if (key === undefined) continue;
    const exposes =
      prior !== null &&
      ondex !== null &&
      !exposed.has(ondex) &&
      isCommitted(authority.keys[index] as string, prior.next[ondex]);
    // One signature per place decides; a further one is checked only for what it would add.
    if (verified.has(index) && !exposes) continue;
    if (!verifyEd25519(engine, key, message, signature)) continue;
    verified.add(index);
    kept.push(attached);
    if (exposes) exposed.add(ondex);
  }
  if (verified.size === 0) return fault('sig-invalid', 'no controller signature verifies');
  if (!isSatisfied(authority.signing, verified)) {
    return fault(
      'threshold-unmet',
      `${verified.size} of ${authority.keys.length} keys signed, fewer than kt asks for`,
    );
  }
  if (prior === null) return null;
  if (exposed.size === 0)
    return fault('next-commitment', 'no signing key was committed to by the event before');
  if (!isSatisfied(prior.rotating, exposed)) {
    return fault(
      'next-threshold-unmet',
      `${exposed.size} of the ${prior.next.length} committed keys signed, fewer than nt asks for`,
    );
  }
  return null;
}

/** Distinct witnesses of the effective list that signed the event bytes, by index (-B) or by name (-C), in the list's order. */
export function countReceipts(
  engine: VerifyEngine,
  message: Uint8Array,
  attachments: readonly Attachments[],
  { witnesses }: Pick<Authority, 'witnesses'>,
): readonly WitnessReceipt[] {
  const met = new Map<number, WitnessReceipt>();
  const count = (index: number, signature: Uint8Array): void => {
    const witness = witnesses[index];
    if (witness === undefined || met.has(index)) return;
    if (verifyEd25519(engine, keyBytes(witness), message, signature)) met.set(index, { index, signature });
  };
  if (witnesses.length === 0) return [];
  for (const { witness, couples } of attachments) {
    for (const { index, signature } of witness) count(index, signature);
    for (const { prefix, signature } of couples) count(witnesses.indexOf(prefix), signature);
  }
  return [...met.values()].toSorted((a, b) => a.index - b.index);
}

/** Those receipts against bt; `null` when there are enough. */
export function judgeReceipts(
  receipts: readonly WitnessReceipt[],
  { witnesses, witnessThreshold }: Pick<Authority, 'witnesses' | 'witnessThreshold'>,
): Fault | null {
  if (receipts.length >= witnessThreshold) return null;
  return fault(
    'toad-unmet',
    `${receipts.length} of ${witnesses.length} witnesses receipted, fewer than bt ${witnessThreshold}`,
  );
}

/** Blake3-256 of the key's CESR text (44 characters, not its raw bytes) equals the committed digest. */
export function isCommitted(key: string, commitment: string | undefined): boolean {
  return commitment !== undefined && digest(latin1(key)) === commitment;
}

/** The 32 raw bytes of a key or witness whose CESR text has been checked. */
export function keyBytes(text: string): Uint8Array {
  return decodeCesrFixed(text).raw;
}
