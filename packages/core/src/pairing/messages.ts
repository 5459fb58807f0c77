/**
 * What stands inside the envelopes after the introductions (docs/protocol.md, "Inside the envelopes"): one JSON object
 * each, its members exact. Anything missing, unknown, doubled or of another shape is `protocol-violation`.
 */
import {
  parseRecordValue,
  parseUnsignedRecord,
  type AttestationRecord,
  type LinkRecord,
  type UnsignedLink,
} from '../attestation/attestation.ts';
import { fromHex } from '../encoding/bytes.ts';
import { exactObject } from '../encoding/json.ts';
import { AuthsError } from '../errors.ts';
import { parseDidKey, type DidKey } from '../identifiers.ts';
import { bytesOf, flagOf, MAX_DATA, readMessage, strictly, textOf, typeOf, wrong } from './message-fields.ts';

/** Plain envelopes after P2 and P3. */
export type PlainMessage =
  | { readonly t: 'kel'; readonly data: string; readonly last: boolean }
  | { readonly t: 'noise'; readonly msg: Uint8Array }
  | { readonly t: 'dr'; readonly header: Uint8Array; readonly ciphertext: Uint8Array }
  | { readonly t: 'abort'; readonly error: string };

/** What the ratchet carries, in this order. */
export type InnerMessage =
  | { readonly t: 'ready' }
  | {
      readonly t: 'attest';
      readonly attestation: UnsignedLink;
      readonly identitySignature: Uint8Array;
      readonly hostDeviceDid: DidKey;
      readonly hostDeviceProof: Uint8Array;
    }
  | { readonly t: 'attest-signed'; readonly deviceSignature: Uint8Array }
  | {
      readonly t: 'paired';
      readonly deviceId: Uint8Array;
      readonly token: Uint8Array;
      readonly attestation: LinkRecord;
    }
  | { readonly t: 'ack' }
  | {
      readonly t: 'anchored';
      readonly events: string;
      readonly records: readonly AttestationRecord[];
      readonly last: boolean;
    };

/** Of the data of an envelope after the introductions. */
export function parsePlain(data: Uint8Array): PlainMessage {
  return strictly(() => {
    const value = readMessage(data);
    switch (typeOf(value)) {
      case 'kel': {
        const message = exactObject(value, ['t', 'data', 'last']);
        return { t: 'kel', data: textOf(message, 'data', MAX_DATA), last: flagOf(message, 'last') };
      }
      case 'noise':
        return { t: 'noise', msg: bytesOf(exactObject(value, ['t', 'msg']), 'msg') };
      case 'dr': {
        const message = exactObject(value, ['t', 'header', 'ciphertext']);
        return {
          t: 'dr',
          header: bytesOf(message, 'header', 40),
          ciphertext: bytesOf(message, 'ciphertext'),
        };
      }
      case 'abort':
        return { t: 'abort', error: textOf(exactObject(value, ['t', 'error']), 'error') };
      default:
        throw wrong('t');
    }
  });
}

/** Of a ratchet message's plaintext. */
export function parseInner(data: Uint8Array): InnerMessage {
  return strictly(() => {
    const value = readMessage(data);
    switch (typeOf(value)) {
      case 'ready':
        exactObject(value, ['t']);
        return { t: 'ready' };
      case 'ack':
        exactObject(value, ['t']);
        return { t: 'ack' };
      case 'attest': {
        const names = ['t', 'attestation', 'identity_signature', 'host_device_did', 'host_device_proof'];
        const message = exactObject(value, names);
        return {
          t: 'attest',
          attestation: unsignedLink(message['attestation']),
          identitySignature: fromHex(textOf(message, 'identity_signature'), 64),
          hostDeviceDid: parseDidKey(textOf(message, 'host_device_did')),
          hostDeviceProof: bytesOf(message, 'host_device_proof', 64),
        };
      }
      case 'attest-signed': {
        const message = exactObject(value, ['t', 'device_signature']);
        return { t: 'attest-signed', deviceSignature: fromHex(textOf(message, 'device_signature'), 64) };
      }
      case 'paired': {
        const message = exactObject(value, ['t', 'device_id', 'token', 'attestation']);
        return {
          t: 'paired',
          deviceId: fromHex(textOf(message, 'device_id'), 32),
          token: bytesOf(message, 'token', 32),
          attestation: link(message['attestation']),
        };
      }
      case 'anchored': {
        const message = exactObject(value, ['t', 'events', 'records', 'last']);
        const records = message['records'];
        if (!Array.isArray(records)) throw wrong('records');
        return {
          t: 'anchored',
          events: textOf(message, 'events', MAX_DATA),
          records: records.map((one: unknown) => parseRecordValue(one)),
          last: flagOf(message, 'last'),
        };
      }
      default:
        throw wrong('t');
    }
  });
}

function unsignedLink(value: unknown): UnsignedLink {
  const record = parseUnsignedRecord(value);
  if (record.type !== 'link') throw notALink();
  return record;
}

function link(value: unknown): LinkRecord {
  const record = parseRecordValue(value);
  if (record.type !== 'link') throw notALink();
  return record;
}

function notALink(): AuthsError {
  return new AuthsError('attestation/invalid', 'the attestation is not a link');
}
