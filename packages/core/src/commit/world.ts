/**
 * What a verification knows: the identities with their logs, the devices that their records attest, the
 * roots and the policy. Built once for a run from evidence; judging only reads it. Each identity is
 * resolved when it is first asked for, and once.
 */
import type { AttestationRecord } from '../attestation/attestation.ts';
import type { DeviceFold, DeviceState } from '../attestation/device-state.ts';
import type { DidKeri, DidKey, Said } from '../identifiers.ts';
import type { VerifyEngine } from '../ports.ts';
import type { Digests } from './digests.ts';
import type { HeapFault } from './branches.ts';
import { sortEvidence } from './evidence.ts';
import type { EvidenceSource } from './evidence.ts';
import { viewIdentity } from './identity-view.ts';
import type { Policy } from './policy.ts';
import type { Root } from './roots.ts';
import { rubbishIn } from './rubbish.ts';

/** One identity as its evidence shows it. */
export interface IdentityView {
  readonly did: DidKeri;
  readonly status: 'accepted' | 'kel-invalid' | 'duplicity' | 'missing';
  /** Why, when the log is not simply accepted. */
  readonly why: string | null;
  /** What could not be read, or stops a branch, in any source's part of its log. */
  readonly faults: readonly HeapFault[];
  readonly tip: { readonly sequence: number; readonly said: Said } | null;
  /** Witnesses whose receipts of the newest event are at hand. */
  readonly receipts: number;
  /** Devices as far as grants count (identity-life.md 4). */
  readonly counted: DeviceFold;
  /** Devices if every sealed grant counted, those of the proposal too. */
  readonly all: DeviceFold;
  /** In a duplicity: the sequence of the first events that differ. */
  readonly forkAt: number | null;
  /** What was passed over in its logs, and branches that are disputed. */
  readonly notes: readonly string[];
}

/** Something that says "this key is a device of that identity". */
export interface DeviceClaim {
  readonly identity: IdentityView;
  /** As far as grants count; null where they do not. */
  readonly counted: DeviceState | null;
  /** If all grants counted; null where no sealed link says so. */
  readonly all: DeviceState | null;
  /** A link that does not count, and why; null where a sealed one does. */
  readonly refused: RefusedLink | null;
}

export interface RefusedLink {
  readonly record: AttestationRecord;
  readonly why: 'unanchored' | 'signature' | 'not-counted-here' | 'order';
  readonly detail: string;
}

export interface World {
  readonly identity: (did: DidKeri) => IdentityView;
  /** What the end of a proposal brings that whoever has only its trees could not go on from, of any root; null for nothing. */
  readonly rubbish: () => string | null;
  /** Every claim about a key. */
  readonly claims: (device: DidKey) => readonly DeviceClaim[];
  readonly roots: readonly Root[];
  /** A fault: the policy cannot be read, so nothing can be judged. */
  readonly policy: Policy | { readonly fault: string; readonly hint: string | null };
  readonly engine: VerifyEngine;
  readonly digests: Digests;
  /** Epoch ms, the verifier's clock. */
  readonly now: number;
  /** What was passed over in the evidence, and in the logs of the identities that were asked for so far. */
  readonly notes: () => readonly string[];
}

export interface WorldInput {
  /** In order of belief. */
  readonly sources: readonly EvidenceSource[];
  readonly roots: readonly Root[];
  readonly policy: World['policy'];
  readonly engine: VerifyEngine;
  readonly digests: Digests;
  readonly now: number;
}

/** Never throws on what the evidence says. */
export function createWorld(input: WorldInput): World {
  const { sources, ...rest } = input;
  const evidence = sortEvidence(sources);
  const views = new Map<DidKeri, IdentityView>();
  const claims = new Map<DidKey, readonly DeviceClaim[]>();
  const identity = (did: DidKeri): IdentityView =>
    remember(views, did, () => {
      const pinned = input.roots.find((root) => root.did === did)?.said ?? null;
      return viewIdentity(evidence, input.engine, did, pinned);
    });
  let rubbish: { readonly found: string | null } | null = null;
  return {
    ...rest,
    rubbish: () => (rubbish ??= { found: rubbishIn(sources, input.roots, input.engine) }).found,
    notes: () => [...evidence.notes, ...[...views.values()].flatMap((view) => view.notes)],
    identity,
    claims: (device) =>
      remember(claims, device, () =>
        [...evidence.linksOf(device)].map(([issuer, links]) => claimOf(identity(issuer), device, links)),
      ),
  };
}

/** Links for one key by one issuer that are asked why they do not count: anybody may add more to a proposal. */
const MOST_LINKS = 32;

function claimOf(identity: IdentityView, device: DidKey, links: readonly AttestationRecord[]): DeviceClaim {
  const all = deviceOf(identity.all, device);
  const counted = deviceOf(identity.counted, device);
  if (all !== null) return { identity, all, counted, refused: null };
  const [record] = links as [AttestationRecord, ...AttestationRecord[]];
  let refused: RefusedLink | null = null;
  for (const link of links.slice(0, MOST_LINKS)) {
    const refusal = identity.all.refusalOf(link);
    // The link that came closest to counting says why.
    if (refusal?.why === 'unanchored') return { identity, all, counted, refused: refusal };
    refused ??= refusal;
  }
  return {
    identity,
    all,
    counted,
    refused: refused ?? { record, why: 'unanchored', detail: 'no event seals it' },
  };
}

const indexed = new WeakMap<DeviceFold, ReadonlyMap<DidKey, DeviceState>>();

/** By an index: a range may be signed by as many devices as it has commits. */
function deviceOf(fold: DeviceFold, device: DidKey): DeviceState | null {
  const index = indexed.get(fold) ?? new Map(fold.devices.map((one) => [one.subject, one]));
  indexed.set(fold, index);
  return index.get(device) ?? null;
}

function remember<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
