/** `auths repo init|update|check`: a work tree's `.auths/`, so that `git clone && auths verify` needs nothing else. */
import { resolve } from 'node:path';
import type { DeviceState } from '@auths/core/attestation/device-state';
import { parseRootArgument, type Root } from '@auths/core/commit/roots';
import { AuthsError } from '@auths/core/errors';
import { readOwnLog } from '@auths/core/flows/seal-records';
import { prefixOf, type DidKeri } from '@auths/core/identifiers';
import {
  checkWorkTree,
  initWorkTree,
  readWorkTreeRoots,
  updateWorkTree,
  type KnownRoot,
  type MayManage,
  type RepoReport,
} from '@auths/git-store/repo-evidence';
import { findRepository, type Repository } from '@auths/git-store/repository';
import { headCommit } from '@auths/git-store/one-meaning';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { noIdentity, openStores, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { repoData } from '../views/repo-data.ts';
import { repoView, type RepoData } from '../views/repo.ts';

const PATH_FLAG = {
  kind: 'value',
  hint: 'DIR',
  summary: 'the work tree; where you stand by default',
} as const;

export const repoInit: CommandSpec = defineCommand({
  examples: [
    { command: 'auths repo init', what: 'trust your identity in this repository' },
    { command: 'auths repo init --root did:keri:E…', what: 'trust another one too' },
    { command: 'git add .auths && git commit -m "Trust our identities"', what: 'then commit it' },
  ],
  flags: {
    root: { kind: 'list', hint: 'DID', summary: 'an identity to trust (DID or DID@said); yours by default' },
    path: PATH_FLAG,
  },
  arguments: [],
  async run(context, { flags }) {
    return inWorkTree(context, flags.path, async (place) => {
      const { workTree, repository, stores, lookup } = place;
      const own = stores?.identity?.controller_did;
      const added = flags.root.map(parseRootArgument);
      if (added.length === 0 && readWorkTreeRoots(workTree).length === 0 && own === undefined)
        throw noIdentity(context.home);
      const roots: readonly Root[] =
        added.length > 0 ? added : own === undefined ? [] : [{ did: own, said: null, until: null }];
      let since: string | null = null;
      const report = await initWorkTree(workTree, roots, lookup, {
        since: async () => (since = await foreignHead(repository, stores, own)),
        mayManage: place.mayManage,
      });
      const has = new Set(report.roots.map(({ did }) => did));
      return finished(context, place, report, { since, isDone: roots.every(({ did }) => has.has(did)) });
    });
  },
});

export const repoUpdate: CommandSpec = defineCommand({
  examples: [{ command: 'auths repo update', what: 'after pairing, revoking or rotating' }],
  flags: { path: PATH_FLAG },
  arguments: [],
  async run(context, { flags }) {
    return inWorkTree(context, flags.path, async (place) => {
      const { workTree, lookup } = place;
      const roots = readWorkTreeRoots(workTree);
      if (roots.length === 0) {
        throw new AuthsError('verify/no-roots', 'this work tree names no identity in .auths/roots', {
          hint: 'auths repo init',
        });
      }
      return finished(context, place, await updateWorkTree(workTree, roots, lookup, place.mayManage));
    });
  },
});

export const repoCheck: CommandSpec = defineCommand({
  examples: [
    { command: 'auths repo check', what: 'exit 1 when evidence is missing, damaged, or not in git' },
  ],
  flags: { path: PATH_FLAG },
  arguments: [],
  async run(context, { flags }) {
    return inWorkTree(context, flags.path, async (place) => {
      const { workTree, lookup } = place;
      return finished(context, place, await checkWorkTree(workTree, lookup, place.mayManage));
    });
  },
});

interface Place {
  readonly workTree: string;
  readonly repository: Repository;
  /** Null when there is no home. */
  readonly stores: Stores | null;
  readonly lookup: (did: DidKeri) => Promise<KnownRoot | null>;
  readonly mayManage: MayManage;
}

async function inWorkTree<T>(
  context: Context,
  path: string | undefined,
  action: (place: Place) => Promise<T>,
): Promise<T> {
  await using repository = await findRepository(resolve(context.cwd, path ?? '.'));
  const { workTree } = repository;
  if (workTree === null) {
    throw new AuthsError('git/not-a-repository', 'a bare repository has no work tree', {
      details: { path: repository.gitDir },
    });
  }
  const { homeExists } = await import('@auths/git-store/home-parts');
  const stores = homeExists(context.home) ? await openStores(context) : null;
  try {
    let may: Promise<boolean> | null = null;
    return await action({
      workTree,
      repository,
      stores,
      lookup: (did) => knownRoot(stores, did),
      mayManage: () => (may ??= hasManagePolicy(context, repository, stores)),
    });
  } finally {
    await stores?.close();
  }
}

async function knownRoot(stores: Stores | null, did: DidKeri): Promise<KnownRoot | null> {
  const prefix = prefixOf(did);
  if (stores === null || (await stores.log.read(prefix)) === null) return null;
  const { log, verdict } = await readOwnLog({ log: stores.log, engine: verifyEngine }, did);
  const { state } = verdict;
  if (state === null) return null;
  return {
    prefix,
    stream: log.stream,
    records: await stores.attestations.list(did),
    lastEstablishment: state.lastEstablishment.said,
    saids: new Set(verdict.events.map(({ said }) => said)),
  };
}

/** HEAD when its history holds anything that the identity's devices did not sign; null else, and on an unborn branch. */
async function foreignHead(
  repository: Repository,
  stores: Stores | null,
  own: DidKeri | undefined,
): Promise<string | null> {
  const head = await headCommit(repository);
  if (head === null || stores === null || own === undefined) return head;
  const { hasForeignHistory } = await import('@auths/git-store/unsigned-history');
  const live = new Set<string>((await liveDevices(stores, own)).map(({ subject }) => subject));
  return (await hasForeignHistory(repository, head, live, verifyEngine)) ? head : null;
}

/** Whether this device has `manage_policy`, as far as this home knows. To begin with, anybody may. */
async function hasManagePolicy(
  context: Context,
  repository: Repository,
  stores: Stores | null,
): Promise<boolean> {
  const { isInHead } = await import('@auths/git-store/kept-by-git');
  if (!(await isInHead(repository))) return true;
  const own = stores?.identity?.controller_did;
  const did = readDeviceKey(context.home)?.did;
  if (stores === null || own === undefined) return false;
  return (await liveDevices(stores, own)).some(
    ({ subject, capabilities }) => subject === did && capabilities.includes('manage_policy'),
  );
}

async function liveDevices(stores: Stores, own: DidKeri): Promise<readonly DeviceState[]> {
  const { ownDevices } = await import('@auths/core/flows/own-devices');
  const ports = { log: stores.log, records: stores.attestations, engine: verifyEngine };
  return (await ownDevices(ports, own)).devices.filter(({ revocation }) => revocation === null);
}

async function finished(
  context: Context,
  { repository, workTree, mayManage }: Place,
  report: RepoReport,
  { since, isDone }: { readonly since: string | null; readonly isDone: boolean } = {
    since: null,
    isDone: true,
  },
): Promise<{ readonly data: RepoData; readonly text: string; readonly exit: number }> {
  const { keptByGit } = await import('@auths/git-store/kept-by-git');
  const kept = await keptByGit(repository, workTree);
  const { withheld, changed } = report;
  const isQuestion = [withheld, changed, ...Object.values(kept)].some((paths) => paths.length > 0);
  const data = repoData(context, workTree, report, kept, since, !isQuestion || (await mayManage()));
  const ok = data.ok && isDone;
  return { data: { ...data, ok }, text: repoView(context, data), exit: ok ? 0 : 1 };
}
