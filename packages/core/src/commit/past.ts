/**
 * The history of the one object that is judged. Whoever judges knows no more of the object than its type and what it asks
 * here: an answer for which nothing was asked is the answer for every object of that type by that device.
 */
import type { ObjectName } from '../attestation/attestation.ts';
import type { History } from './history.ts';
import type { SignedType } from './object.ts';

export class Past {
  readonly #history: History;
  readonly #oid: string;
  readonly #type: SignedType;
  readonly #parents: readonly string[];
  #isAsked = false;

  /** `parents` of a commit; none of a tag. */
  constructor(
    history: History,
    { oid, type }: { readonly oid: string; readonly type: SignedType },
    parents: readonly string[],
  ) {
    this.#history = history;
    this.#oid = oid;
    this.#type = type;
    this.#parents = parents;
  }

  /** True once an answer may be another one for another object. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /**
   * Whether the object is one of `tips`, or a commit that is an ancestor of one. A tag has no place in history: anybody can
   * make one today that points at an old commit.
   */
  isWithin(tips: readonly string[]): Promise<boolean> {
    this.#isAsked = true;
    if (this.#type === 'tag') return Promise.resolve(tips.includes(this.#oid));
    return this.#history.isWithin(this.#oid, tips);
  }

  /** Those of the names whose object is here with exactly the bytes that were sealed: the same for all. */
  present(names: readonly ObjectName[]): Promise<readonly string[]> {
    return this.#history.present(names);
  }

  /** Whether the commit changes or deletes roots or policy of a parent; null when a parent is not here. */
  changesPolicy(): Promise<boolean | null> {
    this.#isAsked = true;
    return this.#history.changesPolicy(this.#oid, this.#parents);
  }

  /** Whether anything of `.auths` is another than in a parent; null when one is not here. */
  touchesEvidence(): Promise<boolean | null> {
    this.#isAsked = true;
    return this.#history.touchesEvidence(this.#oid, this.#parents);
  }

  /** Whether the commit's own tree holds the event at `path`. */
  holdsEvidence(path: string): Promise<boolean> {
    this.#isAsked = true;
    return this.#history.holdsEvidence(this.#oid, path);
  }

  /** Whether a live device has signed a descendant of the commit. */
  isBelowLiveCommit(): Promise<boolean> {
    this.#isAsked = true;
    return this.#history.isBelowLiveCommit(this.#oid);
  }
}
