/**
 * git's signing settings in one scope: what is set, what was there before, and giving it back
 * (storage-and-verification.md 4). Foreign values are found first and replaced only when the caller says so;
 * they are kept in the same configuration file under `auths.previous.*`, so giving back needs no home.
 */
import { AuthsError } from '@auths/core/errors';
import {
  configAdd,
  configGetAll,
  configSet,
  configUnset,
  type ConfigScope,
} from '@auths/git-store/git-config';

/** The files of git that this product writes settings to. */
export type GitFile = Extract<ConfigScope, { readonly scope: 'local' | 'global' }>;

/** key → the one value that this home wants there. */
export type WantedSettings = Readonly<Record<string, string>>;

export interface SettingState {
  readonly key: string;
  /** What stands there now, all values. */
  readonly current: readonly string[];
  readonly wanted: string;
  /** `absent` and `ours` may be set unasked; `foreign` may not. */
  readonly kind: 'absent' | 'ours' | 'foreign';
}

const HOME = 'auths.home';
/** `true` once all that was there is written down, GIVEN_BACK once it is back. */
const RECORDED = 'auths.recorded';
const GIVEN_BACK = 'given-back';

/** Every key that this product sets. */
const SETTINGS = [
  'gpg.format',
  'user.signingkey',
  'gpg.ssh.program',
  'gpg.ssh.allowedSignersFile',
  'commit.gpgsign',
  'tag.gpgsign',
] as const;

/** What a home wants git to have; `tag.gpgsign` only for a device that may sign tags. */
export function wantedSettings(home: string, capabilities: readonly string[]): WantedSettings {
  return {
    'gpg.format': 'ssh',
    'user.signingkey': `${home}/device.pub`,
    'gpg.ssh.program': `${home}/bin/auths-ssh-sign`,
    'gpg.ssh.allowedSignersFile': `${home}/allowed_signers`,
    'commit.gpgsign': 'true',
    ...(capabilities.includes('sign_tag') ? { 'tag.gpgsign': 'true' } : {}),
  };
}

/** The state of each wanted setting in one file. */
export async function inspectSettings(
  file: GitFile,
  home: string,
  wanted: WantedSettings,
): Promise<readonly SettingState[]> {
  const sameHome = (await currentOwner(file)) === home;
  const states: SettingState[] = [];
  for (const [key, value] of Object.entries(wanted)) {
    const current = await configGetAll(file, key);
    const ours = isOnly(current, value) || (sameHome && isOwn(key, current, home));
    states.push({
      key,
      current,
      wanted: value,
      kind: current.length === 0 ? 'absent' : ours ? 'ours' : 'foreign',
    });
  }
  return states;
}

/**
 * Sets them all. What was there first is written down before anything is changed, so an interrupted run can be
 * run again or taken back. Foreign values without `replaceForeign` are `usage/missing-answer`, nothing changed.
 */
export async function applySettings(
  file: GitFile,
  home: string,
  wanted: WantedSettings,
  options: { readonly replaceForeign: boolean },
): Promise<void> {
  const states = await inspectSettings(file, home, wanted);
  const owner = await currentOwner(file);
  const foreign = states.filter(({ kind }) => kind === 'foreign');
  if (foreign.length > 0 && !options.replaceForeign) throw foreignSettings(foreign, file.scope);
  if ((await configGetAll(file, RECORDED)).at(-1) !== 'true') {
    for (const key of SETTINGS) {
      await configUnset(file, previousKey(key));
      for (const value of await configGetAll(file, key)) await configAdd(file, previousKey(key), value);
    }
    await configSet(file, RECORDED, 'true');
  } else {
    // A value that a person set since then is what must come back later; that of another home is not.
    for (const { key, current } of foreign) {
      if (owner !== null && isOwn(key, current, owner)) continue;
      await configUnset(file, previousKey(key));
      for (const value of current) await configAdd(file, previousKey(key), value);
    }
  }
  for (const key of SETTINGS) {
    const value = wanted[key];
    if (value !== undefined) await configSet(file, key, value);
    // A device that lost a capability gives back what it no longer sets.
    else if (owner !== null && isOwn(key, await configGetAll(file, key), owner)) await giveBack(file, key);
  }
  await configSet(file, HOME, home);
}

export interface Removal {
  /** Keys that have again what they had, or nothing. */
  readonly restored: readonly string[];
  /** Keys that somebody changed since: left alone. */
  readonly kept: readonly string[];
}

/** Gives every setting back; null when this file was not set up by auths. */
export async function removeSettings(file: GitFile): Promise<Removal | null> {
  const recorded = (await configGetAll(file, RECORDED)).at(-1);
  const owner = await currentOwner(file);
  if (recorded === undefined && owner === null) return null;
  const restored: string[] = [];
  const kept: string[] = [];
  for (const key of recorded === GIVEN_BACK ? [] : SETTINGS) {
    const current = await configGetAll(file, key);
    const previous = await configGetAll(file, previousKey(key));
    if (isSame(current, previous)) continue;
    // Interrupted before `auths.home` was written: what stands there and differs can only be ours.
    if (owner === null || isOwn(key, current, owner)) {
      await giveBack(file, key);
      restored.push(key);
    } else kept.push(key);
  }
  // From here on an interrupted run only has to forget, not to give back again.
  await configSet(file, RECORDED, GIVEN_BACK);
  for (const key of SETTINGS) await configUnset(file, previousKey(key));
  await configUnset(file, HOME);
  await configUnset(file, RECORDED);
  return { restored, kept };
}

/** The home that set this file up; null when none did. */
export async function currentOwner(file: GitFile): Promise<string | null> {
  return (await configGetAll(file, HOME)).at(-1) ?? null;
}

async function giveBack(file: GitFile, key: string): Promise<void> {
  const previous = await configGetAll(file, previousKey(key));
  await configUnset(file, key);
  for (const value of previous) await configAdd(file, key, value);
}

function isOwn(key: string, current: readonly string[], home: string): boolean {
  const own = wantedSettings(home, ['sign_tag'])[key];
  return own !== undefined && isOnly(current, own);
}

function isOnly(current: readonly string[], value: string): boolean {
  return current.length === 1 && current[0] === value;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** `gpg.ssh.program` → `auths.previous.gpg-ssh-program`. */
function previousKey(key: string): string {
  return `auths.previous.${key.replaceAll('.', '-')}`;
}

/** The error that names the foreign values and how to allow their replacement. */
export function foreignSettings(foreign: readonly SettingState[], scope: 'local' | 'global'): AuthsError {
  const list = foreign.map(({ key, current }) => `${key} = ${current.join(', ')}`).join('; ');
  return new AuthsError(
    'usage/missing-answer',
    `git (${scope}) already has settings that are not ours: ${list}`,
    {
      hint: 'give --yes to replace them (auths git unset brings them back), or --git none',
      details: {
        flag: '--yes',
        scope,
        settings: foreign.map(({ key, current }) => ({ key, values: current })),
      } as {
        flag: string;
      },
    },
  );
}
