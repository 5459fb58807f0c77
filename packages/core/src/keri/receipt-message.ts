/** Receipts made (rct messages): a non-transferable key vouches for having seen an event, as its first at that place. */
import { encodeCesr } from '../encoding/cesr.ts';
import { utf8 } from '../encoding/text.ts';
import type { Prefix, Said } from '../identifiers.ts';
import { encodeCounter, encodeFrame } from './attach.ts';

/** AID of a witness: its 32-byte Ed25519 key, non-transferable (`B…`). */
export function witnessAid(publicKey: Uint8Array): string {
  return encodeCesr('B', publicKey);
}

/** The rct message with one -C couple; the signature (64 bytes) is over the receipted event's bytes. */
export function receiptMessage(
  event: { readonly prefix: Prefix; readonly sequence: number; readonly said: Said },
  witness: string,
  signature: Uint8Array,
): Uint8Array {
  const text = (size: number): string =>
    `{"v":"KERI10JSON${size.toString(16).padStart(6, '0')}_","t":"rct","d":"${event.said}","i":"${event.prefix}","s":"${event.sequence.toString(16)}"}`;
  const couple = `${encodeCounter('C', 1)}${witness}${encodeCesr('0B', signature)}`;
  return utf8(text(text(0).length) + encodeFrame(couple));
}
