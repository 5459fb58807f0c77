/** What verification asks of a clone's history, answered by git plumbing; ids are recomputed by the object reader. */
import { hash } from 'node:crypto';
import type { ObjectName } from '@auths/core/attestation/attestation';
import { objectBlake3, type Digests } from '@auths/core/commit/digests';
import { EVIDENCE_DIRECTORY } from '@auths/core/commit/history';
import type { CommitSource, RepositoryHistory } from '@auths/core/flows/verify-commits';
import { runGit } from './git.ts';
import { openTrustChanges } from './policy-changes.ts';
import { isAncestor, type Repository } from './repository.ts';

/** OpenSSL's hashes. */
export const nodeDigests: Digests = {
  sha1: (bytes) => hash('sha1', bytes, 'buffer'),
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  sha512: (bytes) => hash('sha512', bytes, 'buffer'),
};

/** Bytes of one commit or tag: many are under way at once, and a pack can hold gigabytes of them in little space. */
export const MAX_SIGNED_OBJECT: number = 2 << 20;

/** Objects and the commit graph below `tips` (the target, HEAD, the base). */
export function gitCommitSource(repository: Repository, tips: readonly string[]): CommitSource {
  return {
    format: repository.objectFormat,
    shallow: repository.shallow,
    readMany: (oids) => repository.objects.readMany(oids, { maxSize: MAX_SIGNED_OBJECT }),
    async commits() {
      const lines = await revList(repository, ['--parents', '--topo-order'], tips);
      return lines.map((line) => {
        const [oid = '', ...parents] = line.split(' ');
        return { oid, parents };
      });
    },
  };
}

/** Answers about one run's objects; `expected` are the ones that will be asked about, for questions cheaper in bulk. */
export function gitHistory(repository: Repository, expected: readonly string[]): RepositoryHistory {
  const ancestors = new Map<string, Promise<ReadonlySet<string>>>();
  const present = new Map<string, Promise<boolean>>();
  const trust = openTrustChanges(repository);
  let single = 0;
  return {
    async isWithin(oid, tips) {
      if (tips.includes(oid)) return true;
      const commits = await presentCommits(repository, tips);
      if (commits.length === 0) return false;
      // A commit may name thousands of parents that are not here, and each is asked about.
      if (expected.length <= FEW && commits.length === 1 && single++ < 4 * FEW) {
        return isAncestor(repository, oid, commits[0] as string);
      }
      const key = commits.join();
      const known = ancestors.get(key) ?? revList(repository, [], commits).then((lines) => new Set(lines));
      ancestors.set(key, known);
      return (await known).has(oid);
    },
    async present(names) {
      const found: string[] = [];
      for (const name of names) {
        const key = `${name.oid} ${name.blake3}`;
        const known = present.get(key) ?? isPresent(repository, name);
        present.set(key, known);
        if (await known) found.push(name.oid);
      }
      return found;
    },
    changesPolicy: (oid, parents) => trust.changes(oid, parents),
    touchesEvidence: (oid, parents) => trust.touches(oid, parents),
    async holdsEvidence(oid, path) {
      return (await repository.objects.info(`${oid}:${EVIDENCE_DIRECTORY}/${path}`)) !== null;
    },
  };
}

/** Up to so many objects a question each is cheaper than the whole history once. */
const FEW = 4;

async function presentCommits(repository: Repository, tips: readonly string[]): Promise<readonly string[]> {
  const infos = await Promise.all(tips.map((tip) => repository.objects.info(`${tip}^{commit}`)));
  return infos.flatMap((info) => (info?.type === 'commit' ? [info.oid] : []));
}

async function isPresent(repository: Repository, { oid, blake3: sealed }: ObjectName): Promise<boolean> {
  const answer = await repository.objects.ask(oid);
  return answer.status === 'found' && objectBlake3(answer.type, answer.bytes) === sealed;
}

async function revList(
  repository: Repository,
  options: readonly string[],
  tips: readonly string[],
): Promise<readonly string[]> {
  const result = await runGit(['rev-list', ...options, '--stdin'], {
    gitDir: repository.gitDir,
    input: tips.map((tip) => `${tip}\n`).join(''),
    maxOutput: 1 << 30,
  });
  return result.stdout.toString('latin1').split('\n').slice(0, -1);
}
