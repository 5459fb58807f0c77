/** `auths git setup`, `unset` and `status`. */
import { AuthsError } from '@auths/core/errors';
import { findRepository } from '@auths/git-store/repository';
import { defineCommand, type CommandSpec, type Context, type FlagSpec } from '../command.ts';
import { noIdentity } from '../composition.ts';
import { gitInForce } from '../git-in-force.ts';
import { gitFile, planGit, setUpGit } from '../git-scope.ts';
import {
  currentOwner,
  inspectSettings,
  removeSettings,
  wantedSettings,
  type SettingState,
} from '../git-setup.ts';
import { readHomeReport, statusOf } from '../home/home-report.ts';
import { forgetGit } from '../home/unfinished-git.ts';
import { gitSetupView, gitStatusView, gitUnsetView } from '../views/git.ts';

const SCOPES = {
  local: { kind: 'switch', summary: 'this repository only' },
  global: { kind: 'switch', summary: 'every repository (default)' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

export const gitSetup: CommandSpec = defineCommand({
  examples: [
    { command: 'auths git setup', what: 'git signs everywhere with this device' },
    { command: 'auths git setup --local', what: 'only in this repository' },
    {
      command: 'auths git setup --yes',
      what: 'also where git had other settings; git unset brings them back',
    },
  ],
  flags: SCOPES,
  arguments: [],
  async run(context, { flags }) {
    const scope = oneScope(flags) ?? 'global';
    const report = await readHomeReport(context);
    if (report.identity === null) throw noIdentity(context.home);
    const { device } = report;
    if (device === null || report.deviceDid === null) {
      throw new AuthsError('key/not-found', 'this home has no device key that its identity knows', {
        hint: 'auths doctor',
        details: { alias: 'device' },
      });
    }
    const status = statusOf(device, context.clock.now());
    if (status === 'revoked') {
      throw new AuthsError('device/revoked', `${device.name} was revoked: nothing that it signs counts`, {
        hint: 'auths pair --join CODE makes a new device key',
        details: { device: device.did },
      });
    }
    const settings = await planGit(context, scope, device.capabilities);
    await setUpGit(context, scope, device.capabilities);
    await forgetGit(context);
    return {
      data: { scope, settings: settings.map(settingJson) },
      text: gitSetupView(context, scope, settings),
    };
  },
});

export const gitUnset: CommandSpec = defineCommand({
  examples: [
    { command: 'auths git unset', what: 'git has again what it had before' },
    { command: 'auths git unset --local', what: 'only in this repository' },
  ],
  flags: SCOPES,
  arguments: [],
  async run(context, { flags }) {
    const scope = oneScope(flags) ?? 'global';
    const removal = await removeSettings(await gitFile(context, scope));
    await forgetGit(context);
    const { restored, kept } = removal ?? { restored: [], kept: [] };
    return {
      data: { scope, changed: removal !== null, restored, kept },
      text: gitUnsetView(context, scope, removal),
    };
  },
});

export const gitStatus: CommandSpec = defineCommand({
  examples: [{ command: 'auths git status', what: 'which settings are in force here and whose they are' }],
  flags: SCOPES,
  arguments: [],
  async run(context, { flags }) {
    const only = oneScope(flags);
    const scopes: ScopeJson[] = [];
    for (const scope of ['local', 'global'] as const) {
      if (only !== null && only !== scope) continue;
      const state = await scopeState(context, scope, only === scope);
      if (state !== null) scopes.push(state);
    }
    const inForce = await gitInForce(context.cwd, context.home);
    return { data: { git: inForce, scopes }, text: gitStatusView(context, inForce, scopes) };
  },
});

export interface ScopeJson {
  readonly scope: 'local' | 'global';
  /** The home that set this scope up; null when none did. */
  readonly home: string | null;
  readonly ours: boolean;
  readonly settings: readonly ReturnType<typeof settingJson>[];
}

async function scopeState(
  context: Context,
  scope: 'local' | 'global',
  asked: boolean,
): Promise<ScopeJson | null> {
  if (scope === 'local' && !asked) {
    try {
      await (await findRepository(context.cwd)).close();
    } catch {
      return null;
    }
  }
  const file = await gitFile(context, scope);
  const home = await currentOwner(file);
  const states = await inspectSettings(file, context.home, wantedSettings(context.home, ['sign_tag']));
  return { scope, home, ours: home === context.home, settings: states.map(settingJson) };
}

function settingJson({ key, wanted, current, kind }: SettingState): {
  readonly key: string;
  readonly wanted: string;
  readonly values: readonly string[];
  readonly state: SettingState['kind'];
} {
  return { key, wanted, values: current, state: kind };
}

function oneScope(flags: { readonly local: boolean; readonly global: boolean }): 'local' | 'global' | null {
  if (flags.local && flags.global) {
    throw new AuthsError('usage/invalid', '--local and --global exclude each other', {
      hint: 'give one of them',
    });
  }
  return flags.local ? 'local' : flags.global ? 'global' : null;
}
