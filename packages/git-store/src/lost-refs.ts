/**
 * Refs of records, of the identity document, of disputes and of what was undone: whether what one leads to can be read, and what one that is
 * lost has held, found among the objects. Nothing that is put back so is believed for that: records count by their
 * signatures and seals, and the document is a pointer. The log's own ref is repair.ts.
 */
import { hasCode } from '@auths/core/errors';
import type { DidKeri, DidKey } from '@auths/core/identifiers';
import type { FoundCommit } from './all-commits.ts';
import type { Home } from './home-repository.ts';
import { IDENTITY_REF, readDocumentAt } from './identity-document.ts';
import { homeRecordRef, recordsRef } from './record-names.ts';
import { readVersions } from './record-versions.ts';
import { readSealed } from './sealed-records.ts';

/** Ways to read what refs of one kind lead to: the bytes of every record or document; `storage/corrupt` where one cannot be. */
interface Kind {
  readonly ref: RegExp;
  readonly message: RegExp;
  read(home: Home, ref: string, oid: string): Promise<readonly Uint8Array[]>;
}

const IDENTITY: Kind = {
  ref: new RegExp(`^${IDENTITY_REF}$`),
  message: /^identity /,
  async read(home, _ref, oid) {
    await readDocumentAt(home, oid);
    return [];
  },
};
const VERSIONS: Kind = {
  ref: /^refs\/auths\/(?:anchors|devices\/nodes\/[^/]+\/signatures)$/,
  message: /^record /,
  read: readVersions,
};
const SEALED: Kind = {
  ref: /^refs\/did\/keri\/[^/]+\/(?:anchors|devices\/[^/]+)$/,
  message: /^records /,
  read: async (home, ref, oid) => (await readSealed(home, ref, oid, null)).map(({ bytes }) => bytes),
};

function kindOf(ref: string): Kind | undefined {
  return [IDENTITY, VERSIONS, SEALED].find((kind) => kind.ref.test(ref));
}

/** Whether a ref of this name can lead to `oid`; of other refs than those of the home's own kinds, whether the commit is there. */
export async function isReadable(home: Home, ref: string, oid: string): Promise<boolean> {
  return (await readable(home, ref, oid)) !== null;
}

async function readable(home: Home, ref: string, oid: string): Promise<readonly Uint8Array[] | null> {
  try {
    const kind = kindOf(ref);
    if (kind !== undefined) return await kind.read(home, ref, oid);
    await home.object(oid, 'commit');
    return [];
  } catch (error) {
    if (!hasCode(error, 'storage/corrupt')) throw error;
    return null;
  }
}

/**
 * What `ref` has held, among `commits`: of what goes on from `known`, where that can be read, the longest history; of
 * disputes and what was undone the event that names the ref. An identity document only where there is no second one that
 * goes on from none of the others. `known` may be older than the ref was: a process that dies has moved refs of which it noted nothing.
 */
export async function findRefCommit(
  home: Home,
  ref: string,
  commits: readonly FoundCommit[],
  known: string | null = null,
): Promise<string | null> {
  const floor = known !== null && (await isReadable(home, ref, known)) ? known : null;
  const kind = kindOf(ref);
  if (kind === undefined) return floor ?? eventCommit(ref, commits);
  const own = new Map<string, string | undefined>();
  for (const { oid, message, parent } of commits)
    if (kind.message.test(message) && (await belongs(home, ref, oid))) own.set(oid, parent);
  const parents = new Set(own.values());
  const histories = [...own.keys()].filter((oid) => !parents.has(oid)).map((oid) => historyOf(oid, own));
  const later = histories.filter((history) => floor === null || history.includes(floor));
  if (kind === IDENTITY) return (later.length === 1 ? later[0]?.[0] : floor) ?? null;
  return later.toSorted((a, b) => b.length - a.length)[0]?.[0] ?? floor;
}

/** Of a ref that its event names. */
function eventCommit(ref: string, commits: readonly FoundCommit[]): string | null {
  const said = /\/(?:disputed|undone)\/(E[\w-]{43})$/.exec(ref)?.[1];
  if (said === undefined) return null;
  return commits.find(({ message }) => new RegExp(`^event \\d+ ${said}\n$`).test(message))?.oid ?? null;
}

/** The refs of records that `commits` speak of, for a home that has lost every ref. */
export async function recordRefsOf(
  home: Home,
  commits: readonly FoundCommit[],
): Promise<ReadonlySet<string>> {
  const refs = new Set<string>();
  for (const { oid, message } of commits) {
    const kind = [VERSIONS, SEALED].find((one) => one.message.test(message));
    for (const bytes of (await kind?.read(home, '', oid).catch(() => [])) ?? [])
      for (const ref of refsOf(bytes)) if (kind?.ref.test(ref) === true) refs.add(ref);
  }
  return refs;
}

async function belongs(home: Home, ref: string, oid: string): Promise<boolean> {
  const contents = await readable(home, ref, oid);
  return contents !== null && (ref === IDENTITY_REF || contents.some((bytes) => refsOf(bytes).includes(ref)));
}

/** Where a record stands: in the home's own form, and as it travels. */
function refsOf(bytes: Uint8Array): readonly string[] {
  try {
    const { issuer, subject = null } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      readonly issuer: DidKeri;
      readonly subject?: DidKey;
    };
    return [homeRecordRef(subject), recordsRef(issuer, subject)];
  } catch {
    return [];
  }
}

/** A commit and what it goes on from, the newest first. */
function historyOf(oid: string, parents: ReadonlyMap<string, string | undefined>): readonly string[] {
  const history: string[] = [];
  for (let at: string | undefined = oid; at !== undefined; at = parents.get(at)) history.push(at);
  return history;
}
