/**
 * Verifying a list of objects (storage-and-verification.md 6): each is read, judged and answered for, in
 * order; the results are exactly the requested set. Ancestry below live devices is worked out here,
 * because it needs judgements of other commits.
 */
import type { ObjectFormat } from '../commit/digests.ts';
import type { History } from '../commit/history.ts';
import { parseCommit } from '../commit/object.ts';
import type { SignedType } from '../commit/object.ts';
import type { ObjectResult } from '../commit/verdict.ts';
import { judgeObject, unreadableObject } from '../commit/verify.ts';
import type { World } from '../commit/world.ts';

/** One object as a reader answers: its id was recomputed from the bytes when `found`. */
export type ReadObject =
  | {
      readonly status: 'found';
      readonly name: string;
      readonly oid: string;
      readonly type: string;
      readonly bytes: Uint8Array;
    }
  | { readonly status: 'damaged' | 'too-large' | 'missing' | 'ambiguous'; readonly name: string };

/** A repository as verification reads it. */
export interface CommitSource {
  readonly format: ObjectFormat;
  /** True when history is cut off somewhere. */
  readonly shallow: boolean;
  /** Answers in the order of the ids, some at a time. */
  readMany(oids: Iterable<string>): AsyncIterable<readonly ReadObject[]>;
  /** Every commit that the run can see, children before parents. */
  commits(): Promise<readonly { readonly oid: string; readonly parents: readonly string[] }[]>;
}

/** What a History answers from the repository alone; the rest is worked out here. */
export type RepositoryHistory = Omit<History, 'isBelowLiveCommit'>;

export interface VerifyPorts {
  readonly world: World;
  readonly source: CommitSource;
  readonly history: RepositoryHistory;
}

/**
 * The results for these objects, in order. `rangeFrom`, the excluded end of a range, asks that the list be
 * whole: in a shallow clone git knows no parents where history is cut, whether they are here or not, so a
 * parent that is neither listed nor below that end is added as `unverifiable`.
 */
export async function verifyObjects(
  ports: VerifyPorts,
  oids: readonly string[],
  options: { readonly rangeFrom: string | null } = { rangeFrom: null },
): Promise<readonly ObjectResult[]> {
  const { world, source } = ports;
  const below = ancestryOfLive(ports);
  const history: History = { ...ports.history, isBelowLiveCommit: below };
  const results: Promise<ObjectResult>[] = [];
  const push = (result: ObjectResult): void => {
    results.push(Promise.resolve(result));
  };
  const known = new Set(oids);
  const judge = (oid: string, type: SignedType, bytes: Uint8Array): void => {
    const judged = judgeObject(world, history, { oid, type, bytes, format: source.format });
    // A rejection is met when its turn comes; until then it must not count as unhandled.
    judged.catch(() => undefined);
    results.push(judged);
  };
  for await (const answers of source.readMany(oids)) {
    for (const answer of answers) {
      if (answer.status !== 'found') {
        push(
          unreadableObject(answer.name, 'object', answer.status === 'ambiguous' ? 'missing' : answer.status),
        );
        continue;
      }
      const { oid, type, bytes } = answer;
      if (type !== 'commit' && type !== 'tag') {
        push(unreadableObject(oid, type, 'unsupported'));
        continue;
      }
      if (options.rangeFrom !== null && source.shallow && type === 'commit') {
        const parsed = parseCommit(bytes, source.format);
        for (const parent of parsed.kind === 'ok' ? parsed.object.refersTo : []) {
          if (known.has(parent) || (await history.isWithin(parent, [options.rangeFrom]))) continue;
          known.add(parent);
          push(unreadableObject(parent, 'commit', 'missing'));
        }
      }
      judge(oid, type, bytes);
      // The equation is worked out on other threads meanwhile; objects that wait for it are held in memory, and so is
      // each question to git: however the slow ones lie, no more than these are ever under way.
      if (results.length > AHEAD) await results.at(-AHEAD);
    }
  }
  return Promise.all(results);
}

/** Judgements under way at once. */
const AHEAD = 48;

/**
 * Whether a commit is an ancestor of one that a live device signed. Walks children first, and judges only
 * commits that nothing live covers yet: below the newest valid tip hardly any.
 */
function ancestryOfLive({ world, source, history }: VerifyPorts): (oid: string) => Promise<boolean> {
  let covered: Promise<ReadonlySet<string>> | null = null;
  const alone: History = { ...history, isBelowLiveCommit: () => Promise.resolve(false) };
  const walk = async (): Promise<ReadonlySet<string>> => {
    const found = new Set<string>();
    for (const { oid, parents } of await source.commits()) {
      if (!found.has(oid) && !(await isLive(oid))) continue;
      for (const parent of parents) found.add(parent);
    }
    return found;
  };
  const isLive = async (oid: string): Promise<boolean> => {
    for await (const [answer] of source.readMany([oid])) {
      if (answer?.status !== 'found' || answer.type !== 'commit') return false;
      const { bytes } = answer;
      const { verdict } = await judgeObject(world, alone, {
        oid,
        type: 'commit',
        bytes,
        format: source.format,
      });
      return verdict === 'valid';
    }
    return false;
  };
  return async (oid) => {
    covered ??= walk();
    return (await covered).has(oid);
  };
}
