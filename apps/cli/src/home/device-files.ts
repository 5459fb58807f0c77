/** The files that git and ssh-keygen read: device.pub, allowed_signers, bin/auths-ssh-sign. All can be made again. */
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatAllowedSigners } from '@auths/core/commit/allowed-signers';
import { formatSshPublicKey } from '@auths/core/commit/sshsig';
import { utf8 } from '@auths/core/encoding/text';
import type { DidKeri } from '@auths/core/identifiers';
import type { Home } from '@auths/git-store/home-repository';
import { writeFileAtomic } from '@auths/key-store/atomic-file';
import type { Context } from '../command.ts';
import { homeFiles } from '../composition.ts';
import { wrapperScript } from '../shell-wrapper.ts';
import { foldStates } from './fold-home.ts';
import { makeHomeFolder } from './home-folder.ts';

/** Writes device.pub; the comment names the device for people. */
export async function writeDevicePub(home: string, publicKey: Uint8Array, name: string): Promise<void> {
  const comment = `auths:${name.replace(/[^\x21-\x7e]+/g, '-')}`;
  await writeFileAtomic(
    homeFiles(home).devicePub,
    utf8(`${formatSshPublicKey(publicKey, comment)}\n`),
    0o644,
  );
}

/** Writes allowed_signers from the devices of the home's identity. */
export async function writeAllowedSigners(home: Home, did: DidKeri): Promise<void> {
  const { devices } = await foldStates(home, did);
  await writeFileAtomic(homeFiles(home.dir).allowedSigners, utf8(formatAllowedSigners(devices)), 0o644);
}

/** Writes the wrapper that git calls, with the paths of this program and of ssh-keygen as they are now. */
export async function writeWrapper(context: Pick<Context, 'home' | 'env' | 'node'>): Promise<void> {
  const { home, env, node } = context;
  const { wrapper, agentSocket } = homeFiles(home);
  makeHomeFolder(dirname(wrapper));
  const script = wrapperScript({
    home,
    node,
    signer: signingProgram(),
    sshKeygen: findProgram('ssh-keygen', env),
    socket: agentSocket,
  });
  await writeFileAtomic(wrapper, utf8(script), 0o755);
}

/** The signing program lies beside the bundle that runs; from the sources, in `dist`. */
function signingProgram(): string {
  const here = dirname(realpathSync(fileURLToPath(import.meta.url)));
  const beside = join(here, 'auths-sign.js');
  return existsSync(beside) ? beside : join(here, '..', '..', 'dist', 'auths-sign.js');
}

/** The first executable of this name in PATH, absolute; null when there is none. */
export function findProgram(name: string, env: Readonly<Record<string, string | undefined>>): string | null {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (isAbsolute(folder) && existsSync(join(folder, name))) return join(folder, name);
  }
  return null;
}
