/** `<home>/seen/<remote>.json`: the newest event that a remote has shown of each identity, so that a rewind is noticed. */
import { join } from 'node:path';
import { utf8 } from '@auths/core/encoding/text';
import type { Tip } from '@auths/core/flows/merge-log';
import { isSaid, type Prefix } from '@auths/core/identifiers';
import type { Remote } from '@auths/git-store/remote-address';
import { readFileBounded, writeFileAtomic } from '@auths/key-store/atomic-file';
import { makeHomeFolder } from '../home/home-folder.ts';

interface SeenFile {
  readonly v: 1;
  readonly url: string;
  readonly logs: Readonly<Record<string, Tip>>;
}

/** Null when this remote, at this address, has shown nothing yet. A file that cannot be read counts as nothing seen. */
export async function readSeen(home: string, remote: Remote, prefix: Prefix): Promise<Tip | null> {
  const tip = (await readFile(home, remote)).logs[prefix];
  return tip !== undefined && Number.isSafeInteger(tip.sequence) && isSaid(tip.said) ? tip : null;
}

export async function writeSeen(home: string, remote: Remote, prefix: Prefix, tip: Tip): Promise<void> {
  const file = await readFile(home, remote);
  const known = file.logs[prefix];
  if (known?.said === tip.said) return;
  const logs = { ...file.logs, [prefix]: { sequence: tip.sequence, said: tip.said } };
  makeHomeFolder(join(home, 'seen'));
  await writeFileAtomic(
    pathOf(home, remote),
    utf8(`${JSON.stringify({ v: 1, url: remote.url, logs } satisfies SeenFile)}\n`),
  );
}

async function readFile(home: string, remote: Remote): Promise<SeenFile> {
  const nothing: SeenFile = { v: 1, url: remote.url, logs: {} };
  const bytes = await readFileBounded(pathOf(home, remote), 4 << 20);
  if (bytes === null) return nothing;
  try {
    const file = JSON.parse(Buffer.from(bytes).toString('utf8')) as SeenFile;
    return file.v === 1 && file.url === remote.url && typeof file.logs === 'object' ? file : nothing;
  } catch {
    return nothing;
  }
}

function pathOf(home: string, { name }: Remote): string {
  return join(home, 'seen', `${name}.json`);
}
