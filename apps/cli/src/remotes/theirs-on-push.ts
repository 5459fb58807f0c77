/** What lies at a remote before the own identity is sent there: read, judged, and refused where sending would lose something. */
import { AuthsError, hasCode, sanitise } from '@auths/core/errors';
import { givenUpRevocations } from '@auths/core/flows/given-up-revocations';
import type { Prefix } from '@auths/core/identifiers';
import { advance, type Log } from '@auths/core/keri/advance';
import { replay } from '@auths/core/keri/key-state';
import type { Remote } from '@auths/git-store/remote-address';
import { fetchIdentity, type RemoteIdentity, type RemoteRefs } from '@auths/git-store/remote-evidence';
import type { TransportOptions } from '@auths/git-store/remote-transport';
import { verifyEngine } from '../engines.ts';
import { shellWord } from '../views/pair.ts';
import type { IdentityStores } from './pull-remote.ts';
import { readSeen } from './seen.ts';

/** What lies there, when our recovery supersedes it; null when ours goes on from it. Anything else throws. */
export function requireNotAhead(remote: Remote, own: Log, { prefix, stream }: RemoteIdentity): Log | null {
  if (stream.length === 0) return null;
  const verdict = replay(stream, { engine: verifyEngine });
  if (verdict.verdict !== 'accepted')
    throw invalid(remote, prefix, {
      at: verdict.at,
      rule: verdict.rule ?? verdict.verdict,
      reason: verdict.reason ?? verdict.verdict,
    });
  if (verdict.state?.prefix !== prefix)
    throw invalid(remote, prefix, { at: 0, rule: 'prefix', reason: 'it is the log of another identity' });
  const theirs: Log = { prefix, events: verdict.events };
  const step = advance(own, theirs);
  if (step.kind === 'unchanged') return null;
  if (step.kind === 'extended' || step.kind === 'recovered') {
    throw new AuthsError('kel/conflict', `${remote.name} is ahead of this home. Nothing was sent`, {
      hint: `auths pull ${remote.name}, then push again`,
      details: { prefix },
    });
  }
  if (advance(theirs, own).kind === 'recovered') return theirs;
  throw new AuthsError(
    'kel/conflict',
    `${remote.name} holds another log of this identity: the two part at event ${step.kind === 'disputed' ? step.from : 0}. Nothing was sent`,
    { hint: `auths pull ${remote.name} shows it and keeps yours`, details: { prefix } },
  );
}

/** A recovery from an old source may not know of a revocation. It is published once that was seen here. */
export async function requireRevocationsSeen(
  stores: IdentityStores,
  remote: Remote,
  own: Log,
  branch: Log,
  { prefix, records }: RemoteIdentity,
): Promise<void> {
  const known = await stores.attestations.list(stores.identity.controller_did);
  const [first, ...more] = givenUpRevocations(verifyEngine, own, branch, [...known, ...records]);
  const seen = await readSeen(stores.home.dir, remote, prefix);
  if (first === undefined || seen?.said === branch.events.at(-1)?.said) return;
  const which = more.length === 0 ? sanitise(first.name) : `${sanitise(first.name)} and ${more.length} more`;
  throw new AuthsError(
    'kel/conflict',
    `${remote.name} holds the branch that your recovery gives up, and that has revoked ${which}, which your log lets stand. Nothing was sent`,
    {
      hint: `auths devices revoke ${shellWord(first.name)} --reason ${first.reason}, then push again. If it was not you who revoked: auths pull ${remote.name}, then push again`,
      details: { prefix },
    },
  );
}

/** Bytes that make no log are the remote's fault, as they are for a pull. */
export async function readTheirs(
  remote: Remote,
  prefix: Prefix,
  refs: RemoteRefs,
  options: TransportOptions,
): Promise<RemoteIdentity> {
  try {
    return await fetchIdentity(remote, prefix, refs, options);
  } catch (error) {
    if (!hasCode(error, 'input/malformed') && !hasCode(error, 'storage/corrupt')) throw error;
    throw invalid(remote, prefix, { at: null, rule: 'form', reason: error.message });
  }
}

interface Fault {
  readonly at: number | null;
  readonly rule: string;
  readonly reason: string;
}

function invalid(remote: Remote, prefix: Prefix, { at, rule, reason }: Fault): AuthsError<'kel/invalid'> {
  return new AuthsError(
    'kel/invalid',
    `${remote.name} holds a log of this identity that does not verify: ${reason}. Nothing was sent`,
    {
      hint: `its owner should delete refs/did/keri/${prefix}/kel there, then push again`,
      details: { prefix, at, rule },
    },
  );
}
