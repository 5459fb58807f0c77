/**
 * The identity bundle (docs/protocol.md, "Identity bundle"): log, sealed records and addresses in one file, dated and
 * signed by the identity key in force. Exactly one text stands for a bundle, so no byte of it can change unseen.
 */
import { parseRecord } from '../attestation/attestation.ts';
import { digestOf } from '../attestation/sign.ts';
import { bundleBytes } from '../crypto/domains.ts';
import { verifyEd25519 } from '../crypto/verify-ed25519.ts';
import { equalBytes, fromHex, toHex } from '../encoding/bytes.ts';
import { jcs } from '../encoding/jcs.ts';
import { exactObject, parseJson, type JsonValue } from '../encoding/json.ts';
import { fromUtf8, utf8 } from '../encoding/text.ts';
import { formatTime, isTime } from '../encoding/time.ts';
import { AuthsError } from '../errors.ts';
import { didKeriOf, isDidKeri, prefixOf, type Prefix } from '../identifiers.ts';
import { replay } from '../keri/key-state.ts';
import type { Signer, StoredRecord, VerifyEngine } from '../ports.ts';

const MAX_BUNDLE = 64 << 20;
const MEMBERS = [
  'v',
  'type',
  'controller_did',
  'created_at',
  'kel',
  'records',
  'remotes',
  'registry',
] as const;

export interface IdentityBundle {
  readonly prefix: Prefix;
  /** RFC 3339, covered by the signature. */
  readonly createdAt: string;
  /** The whole log, exact CESR bytes. */
  readonly stream: Uint8Array;
  readonly records: readonly StoredRecord[];
  readonly remotes: readonly string[];
  readonly registry: string | null;
}

/** The file: JCS and a final newline. Records that nothing seals stay out. `createdAt` is epoch ms. */
export async function makeBundle(
  identity: Signer,
  input: Omit<IdentityBundle, 'createdAt'> & { readonly createdAt: number },
): Promise<Uint8Array> {
  const body = {
    v: 1,
    type: 'identity',
    controller_did: didKeriOf(input.prefix),
    created_at: formatTime(input.createdAt),
    kel: fromUtf8(input.stream),
    records: input.records
      .filter(({ sealedAt }) => sealedAt !== null)
      .map(({ sealedAt, bytes }) => ({ sealed_at: sealedAt, record: fromUtf8(bytes) })),
    remotes: input.remotes,
    registry: input.registry,
  };
  const signature = await identity.sign(bundleBytes(jcs(body)));
  return utf8(`${jcs({ ...body, signature: toHex(signature) })}\n`);
}

/** Whether bytes look like a bundle and not like a log: a claim of theirs. */
export function isBundle(bytes: Uint8Array): boolean {
  return fromPrintable(bytes.subarray(0, 20)).startsWith('{"controller_did":');
}

/** Reads and verifies. `input/malformed` for anything but exactly what the holder of the key in force has signed, `storage/version` for a newer one. */
export function parseBundle(bytes: Uint8Array, engine: VerifyEngine): IdentityBundle {
  const value = parseJson(bytes, { maxLength: MAX_BUNDLE });
  if (
    typeof value === 'object' &&
    value !== null &&
    'v' in value &&
    typeof value.v === 'number' &&
    value.v !== 1
  ) {
    throw new AuthsError('storage/version', `this bundle has version ${value.v}`, {
      hint: 'use a newer auths',
      details: { path: 'bundle', version: value.v },
    });
  }
  const { signature, ...body } = exactObject(value, [...MEMBERS, 'signature']);
  const { v, type, controller_did: did, created_at: createdAt, kel, records, remotes, registry } = body;
  if (!equalBytes(utf8(`${jcs(value)}\n`), bytes)) throw bad('it was written by something else than auths');
  if (v !== 1 || type !== 'identity' || typeof did !== 'string' || !isDidKeri(did))
    throw bad('it is no identity bundle');
  if (typeof createdAt !== 'string' || !isTime(createdAt)) throw bad('its date is none');
  if (typeof kel !== 'string' || typeof signature !== 'string') throw bad('a member has the wrong type');
  if (registry !== null && typeof registry !== 'string') throw bad('its registry is not text');
  const stream = utf8(kel);
  const verdict = replay(stream, { engine });
  const [key, ...others] = verdict.events.at(-1)?.keys ?? [];
  if (verdict.verdict !== 'accepted' || verdict.state?.prefix !== prefixOf(did)) {
    throw bad(`its log does not verify: ${verdict.reason ?? 'it is the log of another identity'}`);
  }
  if (key === undefined || others.length > 0) throw bad('only an identity with one key makes bundles');
  if (!verifyEd25519(engine, key, bundleBytes(jcs(body)), fromHex(signature, 64))) {
    throw bad('its signature is not by the key in force');
  }
  return {
    prefix: prefixOf(did),
    createdAt,
    stream,
    records: recordsIn(records),
    remotes: textsIn(remotes),
    registry,
  };
}

function recordsIn(value: JsonValue | undefined): readonly StoredRecord[] {
  if (!Array.isArray(value)) throw bad('its records are no list');
  return value.map((each: JsonValue) => {
    const { sealed_at: sealedAt, record: text } = exactObject(each, ['sealed_at', 'record']);
    if (typeof text !== 'string' || typeof sealedAt !== 'number' || !Number.isSafeInteger(sealedAt)) {
      throw bad('a record has the wrong type');
    }
    const bytes = utf8(text);
    const record = parseRecord(bytes);
    const subject = record.type === 'anchor' ? null : record.subject;
    return { subject, digest: digestOf(record), sealedAt, bytes };
  });
}

function textsIn(value: JsonValue | undefined): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw bad('its remotes are no list of addresses');
}

function fromPrintable(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function bad(why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `this bundle is refused: ${why}`, {
    hint: 'take a fresh one with auths id export, or --from a git remote',
  });
}
