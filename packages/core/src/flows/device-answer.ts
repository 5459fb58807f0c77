/** The identity's answer to a request (docs/protocol.md, "Two files"): its log with the new seal, its records, and how to reach it later. */
import type { AttestationRecord } from '../attestation/attestation.ts';
import { parseRecord } from '../attestation/attestation.ts';
import { encodeRecord } from '../attestation/sign.ts';
import { answerBytes } from '../crypto/domains.ts';
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import { fromBase64url, toBase64url } from '../encoding/base64url.ts';
import { equalBytes, fromHex, toHex } from '../encoding/bytes.ts';
import { decodeDidKey, encodeDidKey } from '../encoding/did-key.ts';
import { jcs } from '../encoding/jcs.ts';
import { exactObject, parseJson, type JsonValue } from '../encoding/json.ts';
import { fromUtf8, utf8 } from '../encoding/text.ts';
import { AuthsError, isAuthsError } from '../errors.ts';
import { isDidKeri, prefixOf, type DidKey, type DidKeri } from '../identifiers.ts';
import { replay, type KelVerdict } from '../keri/key-state.ts';
import type { Signer, VerifyEngine } from '../ports.ts';
import { readCarried } from './carried-file.ts';

/** Bytes of an answer: a whole log with its records. */
export const MAX_ANSWER: number = 64 << 20;

export interface DeviceAnswer {
  readonly controllerDid: DidKeri;
  /** SHA-256 of the request that is answered. */
  readonly requestHash: Uint8Array;
  /** X25519 channel public key of the host. */
  readonly hostStatic: Uint8Array;
  readonly hostDeviceDid: DidKey;
  /** The whole log, exact CESR bytes. */
  readonly stream: Uint8Array;
  readonly records: readonly AttestationRecord[];
}

/** The file: JCS and a final newline. */
export async function makeAnswer(identity: Signer, answer: DeviceAnswer): Promise<Uint8Array> {
  const body = {
    v: 1,
    type: 'device-answer',
    controller_did: answer.controllerDid,
    request: toHex(answer.requestHash),
    host_static: toBase64url(answer.hostStatic),
    host_device_did: answer.hostDeviceDid,
    kel: fromUtf8(answer.stream),
    records: answer.records.map((record) => fromUtf8(encodeRecord(record))),
  };
  const signature = await identity.sign(answerBytes(jcs(body)));
  return utf8(`${jcs({ ...body, signature: toHex(signature) })}\n`);
}

interface ReadAnswer extends DeviceAnswer {
  readonly kel: KelVerdict;
  readonly signingKey: Uint8Array;
}

/** Reads and verifies. `input/malformed` for anything but exactly what the key in force of its log has signed, `storage/version` for a newer one. */
export function parseAnswer(bytes: Uint8Array, engine: VerifyEngine): ReadAnswer {
  return readCarried(bytes, () => readAnswer(bytes, engine), bad);
}

function readAnswer(bytes: Uint8Array, engine: VerifyEngine): ReadAnswer {
  const value = parseJson(bytes, { maxLength: MAX_ANSWER });
  const version = typeof value === 'object' && value !== null && 'v' in value ? value['v'] : null;
  if (typeof version === 'number' && version !== 1) {
    throw new AuthsError('storage/version', `this answer has version ${version}`, {
      hint: 'use a newer auths',
      details: { path: 'answer', version },
    });
  }
  if (typeof value === 'object' && value !== null && 'type' in value && value['type'] !== 'device-answer')
    throw bad('it is no answer to a request');
  const members = [
    'v',
    'type',
    'controller_did',
    'request',
    'host_static',
    'host_device_did',
    'kel',
    'records',
  ];
  const { signature, ...body } = exactObject(value, [...members, 'signature']);
  if (!equalBytes(utf8(`${jcs(value)}\n`), bytes)) throw bad('it was written by something else than auths');
  const controllerDid = text(body['controller_did']);
  if (body['v'] !== 1 || body['type'] !== 'device-answer' || !isDidKeri(controllerDid)) {
    throw bad('it is no answer to a request');
  }
  const stream = utf8(text(body['kel']));
  const kel = replay(stream, { engine });
  const [signingKey, ...others] = kel.events.at(-1)?.keys ?? [];
  if (kel.verdict !== 'accepted' || kel.state?.prefix !== prefixOf(controllerDid)) {
    throw bad(`its log does not verify: ${kel.reason ?? 'it is the log of another identity'}`);
  }
  if (signingKey === undefined || others.length > 0) throw bad('only an identity with one key answers');
  if (!verifyEd25519(engine, signingKey, answerBytes(jcs(body)), fromHex(text(signature), 64))) {
    throw bad('its signature is not by the key in force');
  }
  return {
    controllerDid,
    requestHash: fromHex(text(body['request']), 32),
    hostStatic: fromBase64url(text(body['host_static']), 32),
    hostDeviceDid: deviceDid(text(body['host_device_did'])),
    stream,
    records: recordsIn(body['records']),
    kel,
    signingKey,
  };
}

function deviceDid(did: string): DidKey {
  return encodeDidKey(decodeDidKey(did));
}

function recordsIn(value: JsonValue | undefined): readonly AttestationRecord[] {
  if (!Array.isArray(value)) throw bad('its records are no list');
  try {
    return value.map((one: JsonValue) => parseRecord(utf8(text(one))));
  } catch (error) {
    if (!isAuthsError(error)) throw error;
    throw bad(error.message);
  }
}

function text(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  throw bad('a member has the wrong type');
}

function bad(why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `this answer is refused: ${why}`, {
    hint: 'carry the file over once more, or make it anew where the identity is: auths devices accept REQUEST',
  });
}
