/** How git signs in a folder, as git itself sees it. */
import { resolve } from 'node:path';
import { readPlainSettings, type PlainSetting } from '@auths/git-store/plain-config';
import { homeFiles } from './composition.ts';

export type GitChoice = 'local' | 'global' | 'none';

/** Which scope makes git sign with this home here: the one that git itself would use. `none` also without git. */
export async function gitInForce(cwd: string, home: string): Promise<GitChoice> {
  const wrapper = homeFiles(home).wrapper;
  // Starting git costs `status` half as much again, and set up it nearly always is.
  const plain = readPlainSettings(cwd, ['gpg.format', 'gpg.ssh.program']);
  if (plain !== null) return choiceOf(plain, wrapper);
  // Not in the try: what is typed most is bundled without it, and leaves this case to the whole program.
  const { runGit } = await import('@auths/git-store/git');
  try {
    return choiceOf(await askGit(runGit, cwd), wrapper);
  } catch {
    return 'none';
  }
}

type Settings = ReadonlyMap<string, Pick<PlainSetting, 'value'> & { readonly scope: string }>;

async function askGit(runGit: typeof import('@auths/git-store/git').runGit, cwd: string): Promise<Settings> {
  const pattern = '^(gpg\\.format|gpg\\.ssh\\.program)$';
  const args = ['config', '--null', '--show-scope', '--get-regexp', pattern];
  const { status, stdout } = await runGit(args, { cwd, accept: [1, 128] });
  const inForce = new Map<string, { readonly scope: string; readonly value: string }>();
  if (status !== 0) return inForce;
  const parts = stdout.toString('utf8').split('\0');
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const [key = '', value = ''] = (parts[i + 1] as string).split('\n');
    inForce.set(key, { scope: parts[i] as string, value });
  }
  return inForce;
}

function choiceOf(inForce: Settings, wrapper: string): GitChoice {
  const program = inForce.get('gpg.ssh.program');
  if (inForce.get('gpg.format')?.value !== 'ssh' || program === undefined) return 'none';
  if (resolve(program.value) !== wrapper) return 'none';
  return program.scope === 'global' || program.scope === 'system' ? 'global' : 'local';
}
