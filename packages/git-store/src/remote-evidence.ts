/**
 * Logs and records of identities as a remote shows them. They are fetched into a repository of their own that is gone
 * afterwards, so that nothing unchecked ever lies in the home: a log enters it only event by event, after replay.
 */
import { join } from 'node:path';
import { AuthsError, isAuthsError } from '@auths/core/errors';
import { didKeriOf, isPrefix, type Prefix } from '@auths/core/identifiers';
import type { StoredRecord } from '@auths/core/ports';
import { ownDiskTrouble, scratchFault, withScratchFolder } from './disk-trouble.ts';
import { corrupt, errnoOf } from './files.ts';
import { createHome, type Home } from './home-repository.ts';
import { openObjectReader } from './object-reader.ts';
import type { ObjectType } from './objects.ts';
import { recordsRef, subjectOf } from './record-names.ts';
import type { Remote } from './remote-address.ts';
import { callRemote, unreachable, wordsOf, type TransportOptions } from './remote-transport.ts';
import { readSealed } from './sealed-records.ts';
import { readTrunk } from './trunk.ts';

/** Refs of one identity on a remote: name below `refs/did/keri/<prefix>/` → commit id. */
export type RemoteRefs = ReadonlyMap<string, string>;

/** What a remote holds of one identity. */
export interface RemoteIdentity {
  readonly prefix: Prefix;
  /** The whole log as CESR, unjudged. */
  readonly stream: Uint8Array;
  readonly records: readonly StoredRecord[];
  /** What could not be read, in words. */
  readonly notes: readonly string[];
}

/** Refs of one identity beyond this many are no identity's. */
const MAX_REFS = 4096;
/** What the fetched packs may take on disk, and what is unpacked from them in memory. */
const MAX_FETCHED: number = 64 << 20;

/** The identities on a remote, refs only. `network/unreachable`, in git's words, when it does not answer. */
export async function listRemote(
  gitDir: string,
  { url }: Pick<Remote, 'url'>,
  options: TransportOptions = {},
): Promise<ReadonlyMap<Prefix, RemoteRefs>> {
  const args = ['ls-remote', '--quiet', '--refs', '--', url, 'refs/did/keri/*'];
  const { status, stdout, stderr } = await callRemote(args, { ...options, url, gitDir });
  if (status !== 0) throw unreachable(url, wordsOf(stderr));
  const found = new Map<Prefix, Map<string, string>>();
  for (const line of stdout.split('\n')) {
    const [, oid, prefix, rest] = /^([0-9a-f]{40})\trefs\/did\/keri\/([^/]+)\/(.+)$/.exec(line) ?? [];
    if (oid === undefined || prefix === undefined || rest === undefined || !isPrefix(prefix)) continue;
    const refs = found.get(prefix) ?? new Map<string, string>();
    found.set(prefix, refs.set(rest, oid));
  }
  return found;
}

/**
 * Fetches and reads the log and the records of one identity. Objects that git refuses are `input/malformed`,
 * no room for them here is `storage/failed`.
 */
export async function fetchIdentity(
  remote: Pick<Remote, 'url' | 'name'>,
  prefix: Prefix,
  refs: RemoteRefs,
  options: TransportOptions = {},
): Promise<RemoteIdentity> {
  const { url, name } = remote;
  if (refs.size > MAX_REFS) throw malformed(`${url} shows ${refs.size} refs for one identity`);
  return withScratchFolder('auths-fetch-', async (dir) => {
    await createScratch(dir);
    const base = `refs/did/keri/${prefix}`;
    const into = `refs/auths-remotes/${name}/did/keri/${prefix}`;
    // The newest commit holds the whole log. What was disputed there was judged there, and is of no use here.
    const flags = ['--quiet', '--depth=1', '--no-tags', '--no-write-fetch-head', '--refmap='];
    const specs = [`+${base}/*:${into}/*`, `^${base}/disputed/*`];
    const { status, stderr } = await callRemote(['fetch', ...flags, '--', url, ...specs], {
      ...options,
      url,
      gitDir: dir,
      watch: { dir: join(dir, 'objects'), maxBytes: MAX_FETCHED },
    });
    if (status !== 0) throw fetchFault(url, stderr, dir);
    return readIdentity(dir, into, prefix);
  });
}

async function createScratch(dir: string): Promise<void> {
  try {
    await createHome(dir).close();
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === undefined ? error : scratchFault(errno, error);
  }
}

async function readIdentity(dir: string, into: string, prefix: Prefix): Promise<RemoteIdentity> {
  const fetched = boundedHome(dir);
  try {
    const notes: string[] = [];
    const kel = fetched.readRef(`${into}/kel`);
    const stream = kel === null ? new Uint8Array(0) : (await readTrunk(fetched, 'its log', kel)).stream;
    const records: StoredRecord[] = [];
    const issuer = didKeriOf(prefix);
    for (const [ref, oid] of fetched.listRefs(into)) {
      const rest = ref.slice(into.length + 1);
      if (rest !== 'anchors' && !rest.startsWith('devices/')) continue;
      try {
        const subject = rest === 'anchors' ? null : subjectOf(rest.slice('devices/'.length), rest);
        records.push(...(await readSealed(fetched, recordsRef(issuer, subject), oid, subject)));
      } catch (error) {
        if (!isAuthsError(error)) throw error;
        notes.push(`${rest} is ignored: ${error.message}`);
      }
    }
    return { prefix, stream, records, notes };
  } finally {
    await fetched.close();
  }
}

/** The fetched repository with a limit on all that is read from it: a small pack can unpack to anything. */
function boundedHome(dir: string): Home {
  const home = createHome(dir);
  const reader = openObjectReader(dir, { isolated: true });
  let left = MAX_FETCHED;
  async function take(oid: string, type: ObjectType): Promise<Uint8Array> {
    const object = await reader.read(oid, { maxSize: Math.max(0, left) });
    if (object === null) throw corrupt('the remote', `${type} ${oid} is missing`);
    if (object.type !== type)
      throw corrupt('the remote', `${oid} is a ${object.type} where a ${type} is needed`);
    // Small objects cost too.
    left -= object.bytes.length + 256;
    if (left < 0) throw malformed(`it unpacks to more than ${MAX_FETCHED >> 20} MiB`);
    return object.bytes;
  }
  // One after the other, so that the limit holds for all together.
  let queue: Promise<unknown> = Promise.resolve();
  return {
    ...home,
    object(oid, type) {
      const taken = queue.then(() => take(oid, type));
      queue = taken.catch(() => undefined);
      return taken;
    },
    async close() {
      await reader.close();
      await home.close();
    },
  };
}

/** Whose trouble it is: this machine's own disk, what the remote sent, or the way there. */
function fetchFault(url: string, stderr: string, dir: string): AuthsError {
  const errno = ownDiskTrouble(stderr, dir);
  if (errno !== undefined) return scratchFault(errno);
  const refused =
    /fsck|index-pack failed|unpack-objects|bad object|missing blob|did not send all|pack is corrupted/i;
  if (refused.test(stderr)) return malformed(`${url} sends objects that git refuses: ${wordsOf(stderr)}`);
  return unreachable(url, wordsOf(stderr));
}

function malformed(why: string): AuthsError<'input/malformed'> {
  return new AuthsError('input/malformed', why);
}
