/** `.auths/policy.json`: what a repository asks of its signatures (storage-and-verification.md 6). */
import { isCapability } from '../attestation/capability.ts';
import { REVOCATION_REASONS } from '../attestation/attestation.ts';
import type { RevocationReason } from '../attestation/attestation.ts';
import { parseDuration } from '../encoding/duration.ts';
import { jcs } from '../encoding/jcs.ts';
import { exactObject, parseJson } from '../encoding/json.ts';
import type { JsonObject, JsonValue } from '../encoding/json.ts';
import { AuthsError } from '../errors.ts';
import { parsePrefix } from '../identifiers.ts';
import type { Prefix } from '../identifiers.ts';

export type SignedKind = 'commit' | 'tag' | 'artifact';

export interface Policy {
  /** This commit and its ancestors are exempt. */
  readonly since: string | null;
  readonly requireCapability: Readonly<Record<SignedKind, string>>;
  readonly merges: 'signed' | 'clean';
  /** Revocation reasons for which being an ancestor of a live device's commit is enough. Never compromised. */
  readonly ancestry: readonly RevocationReason[];
  readonly forgeKeys: readonly ForgeKey[];
  readonly exceptions: readonly { readonly oid: string; readonly why: string }[];
  readonly maxStalenessMs: number | null;
  readonly grants: 'base' | 'proposal';
  readonly notaries: readonly Prefix[];
  /** Witness receipts that the newest event needs. */
  readonly receipts: number;
}

export interface ForgeKey {
  readonly name: string;
  readonly key: string;
  readonly treeEqualsVerified: boolean;
}

/** What holds where a repository has no policy. */
export const DEFAULT_POLICY: Policy = {
  since: null,
  requireCapability: { commit: 'sign_commit', tag: 'sign_tag', artifact: 'sign_release' },
  merges: 'signed',
  ancestry: ['retired'],
  forgeKeys: [],
  exceptions: [],
  maxStalenessMs: null,
  grants: 'base',
  notaries: [],
  receipts: 0,
};

const MEMBERS = [
  'since',
  'require_capability',
  'merges',
  'ancestry',
  'forge_keys',
  'exceptions',
  'max_staleness',
  'grants',
  'notaries',
  'receipts',
];

/** The policy in these JSON bytes (at most 1 MiB). An unknown member or value is `input/malformed`: a rule that is not understood must not be skipped. */
export function parsePolicy(bytes: Uint8Array): Policy {
  const policy = exactObject(parseJson(bytes), ['v'], MEMBERS);
  if (policy['v'] !== 1) throw bad('v', 'must be 1');
  const has = <T>(name: string, parse: (value: JsonValue, path: string) => T, fallback: T): T =>
    Object.hasOwn(policy, name) ? parse(policy[name] as JsonValue, name) : fallback;
  return {
    since: has('since', objectId, DEFAULT_POLICY.since),
    requireCapability: has('require_capability', requirements, DEFAULT_POLICY.requireCapability),
    merges: has('merges', oneOf('signed', 'clean'), DEFAULT_POLICY.merges),
    ancestry: has('ancestry', reasons, DEFAULT_POLICY.ancestry),
    forgeKeys: has('forge_keys', listOf(forgeKey), DEFAULT_POLICY.forgeKeys),
    exceptions: has('exceptions', listOf(exception), DEFAULT_POLICY.exceptions),
    maxStalenessMs: has('max_staleness', (value, path) => parseDuration(text(value, path)), null),
    grants: has('grants', oneOf('base', 'proposal'), DEFAULT_POLICY.grants),
    notaries: has(
      'notaries',
      listOf((value, path) => parsePrefix(text(value, path))),
      DEFAULT_POLICY.notaries,
    ),
    receipts: has('receipts', count, DEFAULT_POLICY.receipts),
  };
}

/** The file that `repo init` writes: `v`, and `since` where there is unsigned history. */
export function formatPolicy(since: string | null): string {
  return `${jcs(since === null ? { v: 1 } : { v: 1, since })}\n`;
}

function requirements(value: JsonValue, path: string): Policy['requireCapability'] {
  const names = exactObject(value, [], ['commit', 'tag', 'artifact'], `$.${path}`);
  for (const [kind, name] of Object.entries(names)) {
    if (typeof name !== 'string' || !isCapability(name)) throw bad(`${path}.${kind}`, 'is not a capability');
  }
  return { ...DEFAULT_POLICY.requireCapability, ...(names as Partial<Record<SignedKind, string>>) };
}

function reasons(value: JsonValue, path: string): readonly RevocationReason[] {
  return listOf((one, at) => {
    const reason = text(one, at);
    if (reason === 'compromised') throw bad(at, 'ancestry never excuses a compromised key');
    if (!(REVOCATION_REASONS as readonly string[]).includes(reason)) throw bad(at, 'is not a reason');
    return reason as RevocationReason;
  })(value, path);
}

function forgeKey(value: JsonValue, path: string): ForgeKey {
  const entry = exactObject(value, ['name', 'key', 'tree_equals_verified'], [], `$.${path}`);
  if (typeof entry['tree_equals_verified'] !== 'boolean')
    throw bad(`${path}.tree_equals_verified`, 'must be true or false');
  return {
    name: text(entry['name'], `${path}.name`),
    key: text(entry['key'], `${path}.key`),
    treeEqualsVerified: entry['tree_equals_verified'],
  };
}

function exception(value: JsonValue, path: string): { oid: string; why: string } {
  const entry: JsonObject = exactObject(value, ['oid', 'why'], [], `$.${path}`);
  return { oid: objectId(entry['oid'] as JsonValue, `${path}.oid`), why: text(entry['why'], `${path}.why`) };
}

function objectId(value: JsonValue, path: string): string {
  const oid = text(value, path);
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(oid)) throw bad(path, 'is not a full object id');
  return oid;
}

function count(value: JsonValue, path: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 128)
    throw bad(path, 'must be a number from 0 to 128');
  return value;
}

function oneOf<const T extends string>(...allowed: readonly T[]): (value: JsonValue, path: string) => T {
  return (value, path) => {
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw bad(path, `must be ${allowed.join(' or ')}`);
    return found;
  };
}

function listOf<T>(
  parse: (value: JsonValue, path: string) => T,
): (value: JsonValue, path: string) => readonly T[] {
  return (value, path) => {
    if (!Array.isArray(value)) throw bad(path, 'must be a list');
    return value.map((one: JsonValue, i) => parse(one, `${path}[${i}]`));
  };
}

function text(value: JsonValue | undefined, path: string): string {
  if (typeof value !== 'string') throw bad(path, 'must be a text');
  return value;
}

function bad(path: string, why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', `$.${path}: ${why}`);
}
