/** The bare repository of the identity directory, made on the spot so that a registry starts with no preparation. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** `<folder>/registry.git`, which holds public logs only: never the folder itself, which may be someone's home. */
export function repositoryPath(folder: string): string {
  return join(folder, 'registry.git');
}

/** Makes the repository unless it is there, with the git found on `searchPath`. Rejects with the reason, in one sentence, when it cannot. */
export async function prepareRepository(folder: string, searchPath: string): Promise<void> {
  const path = repositoryPath(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (await isWritable(join(path, 'HEAD'))) return;
  await new Promise<void>((resolve, reject) => {
    const git = spawn('git', ['init', '--quiet', '--bare', '--object-format=sha1', '--', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: searchPath, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1', HOME: folder },
    });
    let why = '';
    git.stderr.setEncoding('utf8').on('data', (chunk: string) => (why += chunk));
    git.on('error', reject);
    git.on('close', (status) => {
      if (status === 0) resolve();
      else reject(new Error(`git init failed: ${why.trim().slice(0, 300)}`));
    });
  });
}

/** True while the directory's repository can be written. */
export async function repositoryWritable(folder: string): Promise<boolean> {
  return isWritable(repositoryPath(folder));
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}
