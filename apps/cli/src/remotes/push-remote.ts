/** The own identity sent to one remote: what is there is judged first, and nothing that counts is ever lost there. */
import { AuthsError, hasCode } from '@auths/core/errors';
import { mergeLog } from '@auths/core/flows/merge-log';
import { prefixOf, type Prefix, type Said } from '@auths/core/identifiers';
import type { Log } from '@auths/core/keri/advance';
import { replay } from '@auths/core/keri/key-state';
import type { VerifyEngine } from '@auths/core/ports';
import { kelRef } from '@auths/git-store/event-log';
import { recordFileName, recordsRef } from '@auths/git-store/record-names';
import type { Remote } from '@auths/git-store/remote-address';
import { listRemote, type RemoteIdentity, type RemoteRefs } from '@auths/git-store/remote-evidence';
import { planPush, pushRefs, type RefPush } from '@auths/git-store/remote-push';
import type { TransportOptions } from '@auths/git-store/remote-transport';
import { verifyEngine } from '../engines.ts';
import { mergePorts, type IdentityStores } from './pull-remote.ts';
import { readSeen, writeSeen } from './seen.ts';
import { readTheirs, requireNotAhead, requireRevocationsSeen } from './theirs-on-push.ts';

export interface PushedIdentity {
  readonly remote: Remote;
  readonly verdict: 'pushed' | 'up-to-date';
  /** Refs that were created or moved. */
  readonly refs: readonly string[];
  /** True when a recovery took the place of the branch that it supersedes. */
  readonly recovered: boolean;
  /** True when the remote had lost events that it showed before. */
  readonly restored: boolean;
  readonly sequence: number;
  readonly said: Said;
}

/**
 * Sends log, records and receipts. `kel/conflict`, with the next command, when the remote is ahead or forked, and
 * `kel/invalid` when what lies there does not verify; then nothing was sent.
 */
export async function pushRemote(
  stores: IdentityStores,
  remote: Remote,
  options: TransportOptions,
): Promise<PushedIdentity> {
  const { home, identity } = stores;
  const did = identity.controller_did;
  const prefix = prefixOf(did);
  const own = await ownLog(stores, prefix, verifyEngine);
  const refs = (await listRemote(home.dir, remote, options)).get(prefix) ?? new Map<string, string>();
  let plan = await planPush(home, prefix, refs);
  let given: Log | null = null;
  if (plan.some(({ fastForward }) => !fastForward)) {
    const theirs = await readTheirs(remote, prefix, refs, options);
    given = requireNotAhead(remote, own, theirs);
    if (given !== null) await requireRevocationsSeen(stores, remote, own, given, theirs);
    // Records that only the remote has are taken over first, so that the union is what is sent.
    const shown = { prefix, stream: theirs.stream, records: theirs.records, seen: null };
    await mergeLog(await mergePorts(stores), shown);
    plan = withoutKnown(await planPush(home, prefix, refs), await namesOf(stores, theirs));
  }
  const seen = await readSeen(home.dir, remote, prefix);
  const kept = given !== null ? keptBranch(stores, prefix, refs) : [];
  await pushRefs(home, remote, prefix, [...kept, ...plan], options);
  const tip = own.events.at(-1) as Log['events'][number];
  await writeSeen(home.dir, remote, prefix, { sequence: tip.sequence, said: tip.said });
  const before = refs.get('kel');
  const moved = plan.some(({ ref }) => ref === kelRef(prefix));
  return {
    remote,
    verdict: plan.length > 0 ? 'pushed' : 'up-to-date',
    refs: plan.map(({ ref }) => ref),
    recovered: given !== null,
    restored: moved && seen?.said === tip.said && before !== home.readRef(kelRef(prefix)),
    sequence: tip.sequence,
    said: tip.said,
  };
}

/** The remote's own copy of the superseded branch, when this home keeps the same one. */
function keptBranch({ home }: IdentityStores, prefix: Prefix, refs: RemoteRefs): readonly RefPush[] {
  const base = `refs/did/keri/${prefix}/`;
  const old = refs.get('kel');
  const found = [...home.listRefs(`${base}disputed`)].find(([, oid]) => oid === old);
  if (found === undefined || refs.has(found[0].slice(base.length))) return [];
  return [{ ref: found[0], to: found[1], from: null, fastForward: true }];
}

/** A record ref with another history but nothing new in it stays as the remote has it. */
function withoutKnown(
  plan: readonly RefPush[],
  names: {
    readonly own: ReadonlyMap<string, ReadonlySet<string>>;
    readonly theirs: ReadonlyMap<string, ReadonlySet<string>>;
  },
): readonly RefPush[] {
  return plan.filter(({ ref, fastForward }) => {
    const own = names.own.get(ref);
    const theirs = names.theirs.get(ref);
    if (fastForward || own === undefined || theirs === undefined) return true;
    return [...own].some((name) => !theirs.has(name));
  });
}

async function namesOf(
  stores: IdentityStores,
  theirs: RemoteIdentity,
): Promise<{ readonly own: Map<string, Set<string>>; readonly theirs: Map<string, Set<string>> }> {
  const issuer = stores.identity.controller_did;
  const group = (records: RemoteIdentity['records']): Map<string, Set<string>> => {
    const names = new Map<string, Set<string>>();
    for (const { subject, digest, sealedAt, bytes } of records) {
      if (sealedAt === null) continue;
      const ref = recordsRef(issuer, subject);
      // With its bytes: a record that a recovery seals again at the same place has the same name.
      const content = Buffer.from(bytes).toString('latin1');
      names.set(ref, (names.get(ref) ?? new Set()).add(`${recordFileName(digest, sealedAt)} ${content}`));
    }
    return names;
  };
  return { own: group(await stores.attestations.list(issuer)), theirs: group(theirs.records) };
}

async function ownLog(stores: IdentityStores, prefix: Prefix, engine: VerifyEngine): Promise<Log> {
  const stored = await stores.log.read(prefix);
  const verdict = stored === null ? null : replay(stored.stream, { engine });
  if (verdict?.verdict === 'accepted') return { prefix, events: verdict.events };
  throw new AuthsError(
    'kel/invalid',
    `the log of this home does not replay: ${verdict?.reason ?? 'it is missing'}`,
    {
      hint: 'auths doctor',
      details: { prefix, at: verdict?.at ?? null, rule: verdict?.rule ?? 'kel-empty' },
    },
  );
}

/** True for what a person can mend by making the repository first. */
export function isMissingFolder(error: unknown, remote: Remote, exists: (path: string) => boolean): boolean {
  return hasCode(error, 'network/unreachable') && remote.url.startsWith('/') && !exists(remote.url);
}
