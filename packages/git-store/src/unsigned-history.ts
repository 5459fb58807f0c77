/** Whether everything below HEAD was signed by known devices already: then a policy needs no `since`. */
import { readSignature } from '@auths/core/commit/signature';
import type { VerifyEngine } from '@auths/core/ports';
import { MAX_SIGNED_OBJECT, nodeDigests } from './git-history.ts';
import { listCommits, type Repository } from './repository.ts';

/** True when a commit below `head` is not signed by one of these devices (did:key). Stops at the first, newest first. */
export async function hasForeignHistory(
  repository: Repository,
  head: string,
  devices: ReadonlySet<string>,
  engine: VerifyEngine,
): Promise<boolean> {
  const commits = (await listCommits(repository, head)) ?? [];
  for await (const answers of repository.objects.readMany(commits.toReversed(), {
    maxSize: MAX_SIGNED_OBJECT,
  })) {
    for (const answer of answers) {
      if (answer.status !== 'found' || answer.type !== 'commit') return true;
      const signed = readSignature(
        { engine, digests: nodeDigests },
        'commit',
        answer.bytes,
        repository.objectFormat,
      );
      if (signed.kind !== 'signed' || !devices.has(signed.device)) return true;
    }
  }
  return false;
}
