/** How git signs in a folder, as git itself sees it. */
import { resolve } from 'node:path';
import { runGit } from '@auths/git-store/git';
import { homeFiles } from './composition.ts';

export type GitChoice = 'local' | 'global' | 'none';

/** Which scope makes git sign with this home here: the one that git itself would use. `none` also without git. */
export async function gitInForce(cwd: string, home: string): Promise<GitChoice> {
  const wrapper = homeFiles(home).wrapper;
  try {
    const { status, stdout } = await runGit(
      [
        'config',
        '--null',
        '--show-scope',
        '--get-regexp',
        '^(gpg\\.format|gpg\\.ssh\\.program|user\\.signingkey)$',
      ],
      { cwd, accept: [1, 128] },
    );
    if (status !== 0) return 'none';
    const inForce = new Map<string, { readonly scope: string; readonly value: string }>();
    const parts = stdout.toString('utf8').split('\0');
    for (let i = 0; i + 1 < parts.length; i += 2) {
      const [key = '', value = ''] = (parts[i + 1] as string).split('\n');
      inForce.set(key, { scope: parts[i] as string, value });
    }
    const program = inForce.get('gpg.ssh.program');
    if (inForce.get('gpg.format')?.value !== 'ssh' || program === undefined) return 'none';
    if (resolve(program.value) !== wrapper) return 'none';
    return program.scope === 'global' || program.scope === 'system' ? 'global' : 'local';
  } catch {
    return 'none';
  }
}
