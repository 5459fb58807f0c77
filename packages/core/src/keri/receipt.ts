/** Receipts (rct messages): who else vouches for having seen an event. They sign the event's bytes, not the rct body. */
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import type { VerifyEngine } from '../ports.ts';
import type { Log } from './advance.ts';
import type { TransferableGroup } from './attachments.ts';
import { type Fault, fault } from './rules.ts';
import { judgeSignatures, keyBytes } from './signatures.ts';
import type { Authority, ReplayedEvent } from './state.ts';
import { type Message, parseStream } from './stream.ts';

export interface ReceiptContext {
  readonly engine: VerifyEngine;
  /** The log whose events are receipted. */
  readonly log: Log;
  /** Judged logs of transferable endorsers, by prefix. */
  readonly endorsers?: ReadonlyMap<string, Log>;
}

export interface ReceiptVerdict {
  readonly verdict: 'accepted' | Fault['verdict'];
  /** The event that is receipted, when it is one of the log's trunk. */
  readonly event: ReplayedEvent | null;
  /** Members of the event's witness list whose signatures verify. */
  readonly witnesses: readonly string[];
  /** Others: non-transferable keys, and transferable identifiers by the establishment event that they name. */
  readonly endorsers: readonly string[];
  readonly rule: Fault['rule'] | null;
  readonly reason: string | null;
}

/** One verdict for each message of the stream; the last may be the stream's own fault. Never throws on what the bytes say. */
export function verifyReceipts(stream: Uint8Array, context: ReceiptContext): readonly ReceiptVerdict[] {
  const { messages, fault: broken } = parseStream(stream);
  const verdicts = messages.map((message) => judgeReceipt(message, context));
  return broken === null ? verdicts : [...verdicts, refused(broken, null)];
}

/** Accepted when at least one signature by someone entitled verifies; those that do not count for nothing. */
function judgeReceipt({ event: receipt, attachments }: Message, context: ReceiptContext): ReceiptVerdict {
  const { log, engine } = context;
  if (receipt.ilk !== 'rct') return refused(fault('ilk', `${receipt.ilk} where a receipt must stand`), null);
  const event = receipt.prefix === log.prefix ? log.events[receipt.sequence] : undefined;
  if (event === undefined)
    return refused(fault('receipt-event-unknown', 'a receipt of an event that is not in the log'), null);
  if (event.said !== receipt.said) {
    return refused(fault('receipt-event-mismatch', 'd is not the SAID of the event at s'), event);
  }
  const members = event.authority.witnesses;
  const witnesses = new Set<string>();
  const endorsers = new Set<string>();
  const faults: Fault[] = [];
  const count = (prefix: string | undefined, signature: Uint8Array): void => {
    if (prefix !== undefined && verifyEd25519(engine, keyBytes(prefix), event.bytes, signature)) {
      (members.includes(prefix) ? witnesses : endorsers).add(prefix);
    } else faults.push(fault('receipt-signature', 'a signature does not verify over the event'));
  };
  for (const { index, signature } of attachments.witness) count(members[index], signature);
  for (const { prefix, signature } of attachments.couples) {
    if (prefix.startsWith('B')) count(prefix, signature);
    else
      faults.push(
        fault('receipt-transferable', `${prefix} is transferable: it must name its establishment event`),
      );
  }
  for (const group of attachments.groups) {
    const found = judgeGroup(group, event, context);
    if (found === null) endorsers.add(group.prefix);
    else faults.push(found);
  }
  if (witnesses.size + endorsers.size === 0) {
    return refused(faults[0] ?? fault('receipt-missing', 'no receipt is attached'), event);
  }
  return {
    verdict: 'accepted',
    event,
    witnesses: [...witnesses],
    endorsers: [...endorsers],
    rule: null,
    reason: null,
  };
}

/** The signatures of a transferable endorser against the establishment event it names, or its latest one (-H). */
function judgeGroup(
  group: TransferableGroup,
  event: ReplayedEvent,
  { engine, endorsers }: ReceiptContext,
): Fault | null {
  const { prefix, establishment, signatures } = group;
  const events = endorsers?.get(prefix)?.events ?? [];
  const authority: Authority | undefined = (
    establishment === null ? events.at(-1) : events[Number(establishment.sequence)]
  )?.authority;
  const named =
    authority !== undefined &&
    (establishment === null ||
      (authority.said === establishment.said && BigInt(authority.sequence) === establishment.sequence));
  if (!named)
    return fault('receipt-endorser-unknown', `the establishment event that ${prefix} names is not at hand`);
  const found = judgeSignatures(engine, event.bytes, signatures, authority, null);
  if (found === null || found.verdict === 'pending') return found;
  return fault('receipt-signature', `no signature of ${prefix} verifies over the event`);
}

function refused({ verdict, rule, reason }: Fault, event: ReplayedEvent | null): ReceiptVerdict {
  return { verdict, event, witnesses: [], endorsers: [], rule, reason };
}
