/**
 * Values of git's configuration read without starting git, where that is certain: every key asked for is set in a
 * file that git reads last, in lines as `git config` itself writes them. Anything else is null, and git's to answer.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { errnoOf } from './files.ts';
import { findPlainRepository } from './plain-repository.ts';

export interface PlainSetting {
  readonly scope: 'local' | 'global';
  readonly value: string;
}

/** The settings in force in `cwd` for these keys (`gpg.ssh.program`), all of them or null. Never throws. */
export function readPlainSettings(
  cwd: string,
  keys: readonly string[],
): ReadonlyMap<string, PlainSetting> | null {
  // One of these names another file, or settings of its own.
  for (const name of Object.keys(env)) if (/^GIT_CONFIG(?!_NOSYSTEM$)/.test(name)) return null;
  const repository = findPlainRepository(cwd);
  if (repository === null) return null;
  const settings = new Map<string, PlainSetting>();
  const home = env['HOME'] ?? '';
  if (home === '') return null;
  const xdg = env['XDG_CONFIG_HOME'] ?? '';
  for (const path of [
    join(xdg === '' ? join(home, '.config') : xdg, 'git', 'config'),
    join(home, '.gitconfig'),
  ]) {
    const text = readOrEmpty(path);
    if (text === null || !readInto(settings, text, 'global', keys)) return null;
  }
  if (!readInto(settings, repository.config, 'local', keys)) return null;
  // What is not set here may be set by the machine's file, whose place only git knows.
  return keys.every((key) => settings.has(key)) ? settings : null;
}

/** False for a text that includes another, or says one of the keys in a way that is not read here. */
function readInto(
  settings: Map<string, PlainSetting>,
  text: string,
  scope: PlainSetting['scope'],
  keys: readonly string[],
): boolean {
  if (/\binclude/i.test(text) || /\\\r?\n/.test(text)) return false;
  const names = new Set(keys.map((key) => key.slice(key.lastIndexOf('.') + 1)));
  let section: string | null = '';
  for (const line of text.split('\n')) {
    if (/^\s*\[/.test(line)) {
      const head = /^\[([\w.-]+)(?: "([^"\\]*)")?\]$/.exec(line);
      section =
        head === null ? null : `${head[1]?.toLowerCase()}${head[2] === undefined ? '' : `.${head[2]}`}`;
      // A setting may follow its section's name on the same line.
      if (section === null && [...names].some((name) => line.toLowerCase().includes(name))) return false;
      continue;
    }
    const name = /^\s*([\w-]+)/.exec(line)?.[1]?.toLowerCase();
    if (name === undefined || !names.has(name)) continue;
    if (section === null) return false;
    const key = `${section}.${name}`;
    if (!keys.includes(key)) continue;
    const value = /^\t[\w-]+ = ([^\s"\\#;]+)$/.exec(line)?.[1];
    if (value === undefined) return false;
    settings.set(key, { scope, value });
  }
  return true;
}

/** Empty where there is no file; null where it cannot be read. */
function readOrEmpty(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR' ? '' : null;
  }
}
