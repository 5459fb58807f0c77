/** One remote brought into the home: list, fetch, judge, merge, remember what it showed. */
import { hasCode } from '@auths/core/errors';
import {
  mergeLog,
  type Merged,
  type MergePorts,
  type MergeVerdict,
  type Tip,
} from '@auths/core/flows/merge-log';
import { didKeriOf, prefixOf, type Prefix } from '@auths/core/identifiers';
import { replay } from '@auths/core/keri/key-state';
import { kelRef } from '@auths/git-store/event-log';
import type { IdentityDocument } from '@auths/git-store/identity-document';
import type { Remote } from '@auths/git-store/remote-address';
import { gitDisputes, mirrorRemote } from '@auths/git-store/remote-disputes';
import {
  fetchIdentity,
  listRemote,
  type RemoteIdentity,
  type RemoteRefs,
} from '@auths/git-store/remote-evidence';
import type { TransportOptions } from '@auths/git-store/remote-transport';
import type { Context } from '../command.ts';
import { type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { readLogView } from '../home/identity-view.ts';
import { lostTip } from '../home/lost-events.ts';
import { readSeen, writeSeen } from './seen.ts';

export type IdentityStores = Stores & { readonly identity: IdentityDocument };

export interface PullOptions extends TransportOptions {
  /** False for a look that nobody asked for. */
  readonly attentive?: boolean;
}

/** What a remote showed of one identity, and what became of it. */
export interface PulledLog extends Merged {
  readonly prefix: Prefix;
  /** False when the remote holds nothing of it; the verdict is then `behind`, or `rewound` if it held something before. */
  readonly present: boolean;
  readonly notes: readonly string[];
}

/** Verdicts after which the home did not do what the remote shows. */
export const REFUSED: readonly MergeVerdict[] = ['forked', 'rewound', 'invalid'];

/** The own identity first, then whatever else the home has a log of and the remote shows. */
export async function pullRemote(
  stores: IdentityStores,
  remote: Remote,
  options: PullOptions = {},
): Promise<readonly PulledLog[]> {
  const shown = await listRemote(stores.home.dir, remote, options);
  const own = prefixOf(stores.identity.controller_did);
  const others = (await stores.log.list()).filter((prefix) => prefix !== own && shown.has(prefix));
  const pulled: PulledLog[] = [];
  for (const prefix of [own, ...others]) {
    pulled.push(await pullIdentity(stores, remote, prefix, shown.get(prefix) ?? new Map(), options));
  }
  return pulled;
}

/** The home's ports for a merge. */
export async function mergePorts(stores: Stores): Promise<MergePorts> {
  return {
    log: stores.log,
    records: stores.attestations,
    disputes: gitDisputes(stores.home),
    engine: verifyEngine,
  };
}

/** How git may ask: a person at a terminal for what ssh and helpers want, nobody else. */
export function transportOf(context: Context): TransportOptions {
  return { unattended: !context.terminal.interactive, signal: context.signal };
}

async function pullIdentity(
  stores: IdentityStores,
  remote: Remote,
  prefix: Prefix,
  refs: RemoteRefs,
  options: PullOptions,
): Promise<PulledLog> {
  const { home } = stores;
  const ports = await mergePorts(stores);
  const seen = await readSeen(home.dir, remote, prefix);
  if (!refs.has('kel')) return absent(ports, prefix, seen);
  const found = await readShown(stores, remote, prefix, refs, options);
  if ('fault' in found) return { ...nothing(await ownTip(ports, prefix)), prefix, ...found };
  const stray = await strayFrom(stores, ports, prefix, found.stream, options);
  if (stray !== null)
    return {
      ...nothing(await ownTip(ports, prefix)),
      verdict: 'forked',
      from: stray,
      prefix,
      present: true,
      notes: [...found.notes, STRAY],
    };
  const merged = await mergeLog(ports, { prefix, stream: found.stream, records: found.records, seen });
  if (merged.theirs !== null) {
    await mirrorRemote(home, remote.name, prefix, merged.theirs);
    // What a person has to decide about counts as seen once it was told.
    const isTold = options.attentive !== false || merged.givenUp.length === 0;
    if (isTold && !REFUSED.includes(merged.verdict)) await writeSeen(home.dir, remote, prefix, merged.theirs);
  }
  return { ...merged, prefix, present: true, notes: found.notes };
}

const STRAY =
  'it does not hold an event that this machine has checked and that is lost here: only what does brings it back';

/**
 * Where the home has lost events: the sequence from which a log that goes on from the rest lacks the one that was checked, so
 * that it may be a thief's. One that is too short to hold it is taken when a person asks for it. Null for any other.
 */
async function strayFrom(
  { home }: IdentityStores,
  { engine }: MergePorts,
  prefix: Prefix,
  stream: Uint8Array,
  { attentive = true }: PullOptions,
): Promise<number | null> {
  if (home.readRef(kelRef(prefix)) === null) return null;
  const { lost, sequence } = await readLogView(home, didKeriOf(prefix));
  if (lost === null) return null;
  const { events } = replay(stream, { engine });
  const isShort = events.length <= sequence + 1 || (attentive && events.length <= lost.sequence);
  return isShort || (await lostTip(home, prefix, lost, events)) === null ? null : sequence + 1;
}

type Unreadable = Pick<PulledLog, 'verdict' | 'present' | 'fault' | 'notes'>;

/** A remote that has what the home has is not fetched from. Bytes that make no log are the remote's fault, not an error. */
async function readShown(
  stores: IdentityStores,
  remote: Remote,
  prefix: Prefix,
  refs: RemoteRefs,
  options: TransportOptions,
): Promise<RemoteIdentity | Unreadable> {
  const stored = await stores.log.read(prefix);
  if (stored !== null && holdsAll(stores, prefix, refs)) {
    return { prefix, stream: stored.stream, records: [], notes: [] };
  }
  try {
    return await fetchIdentity(remote, prefix, refs, options);
  } catch (error) {
    if (!hasCode(error, 'input/malformed') && !hasCode(error, 'storage/corrupt')) throw error;
    const fault = { at: null, rule: 'form', reason: error.message };
    return { verdict: 'invalid', present: true, fault, notes: [] };
  }
}

/** True when the home has the very same log and no record ref there is new or different. */
function holdsAll({ home }: IdentityStores, prefix: Prefix, refs: RemoteRefs): boolean {
  const told = [...refs].filter(
    ([name]) => name === 'kel' || name === 'anchors' || name.startsWith('devices/'),
  );
  return told.every(([name, oid]) => home.readRef(`refs/did/keri/${prefix}/${name}`) === oid);
}

async function absent(ports: MergePorts, prefix: Prefix, seen: Tip | null): Promise<PulledLog> {
  return {
    ...nothing(await ownTip(ports, prefix)),
    verdict: seen === null ? 'behind' : 'rewound',
    prefix,
    present: false,
    from: 0,
    notes: [],
  };
}

async function ownTip(ports: MergePorts, prefix: Prefix): Promise<Tip | null> {
  const stored = await ports.log.read(prefix);
  const state = stored === null ? null : replay(stored.stream, { engine: ports.engine }).state;
  return state === null ? null : { sequence: state.sequence, said: state.said };
}

function nothing(tip: Tip | null): Merged {
  return {
    verdict: 'behind',
    tip,
    theirs: null,
    from: null,
    eventsAdded: 0,
    superseded: 0,
    rotated: false,
    disputed: null,
    givenUp: [],
    records: { added: 0, ignored: [], missing: 0 },
    fault: null,
  };
}
