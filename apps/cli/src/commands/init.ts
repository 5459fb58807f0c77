/** `auths init`: an identity, this device, git set up. Can be interrupted anywhere and run again. */
import { hostname } from 'node:os';
import { AuthsError } from '@auths/core/errors';
import { CAPABILITIES } from '@auths/core/attestation/capability';
import { cleanDeviceName } from '@auths/core/attestation/attestation';
import { formatTime } from '@auths/core/encoding/time';
import { NEXT_IDENTITY } from '@auths/core/flows/finish-rotation';
import { initIdentity, type Initialised } from '@auths/core/flows/init-identity';
import { configSet } from '@auths/git-store/git-config';
import { gitVersion } from '@auths/git-store/git';
import { writeIdentityDocument } from '@auths/git-store/identity-document';
import { recordMachine } from '@auths/key-store/machine';
import { createSigner } from '@auths/key-store/signer';
import { defineCommand, type CommandResult, type CommandSpec, type Context } from '../command.ts';
import { keychainKind, openKeys, openStores, passphraseFirst, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import type { GitChoice } from '../git-in-force.ts';
import { planGit, settingLines } from '../git-scope.ts';
import { writeAllowedSigners, writeDevicePub } from '../home/device-files.ts';
import { makeHomeFolder } from '../home/home-folder.ts';
import { readHomeReport, type HomeReport, type RecoveryState } from '../home/home-report.ts';
import { readIdentityView } from '../home/identity-view.ts';
import { withInitLock } from '../home/home-lock.ts';
import { lostIdentity } from '../home/lost-identity.ts';
import { kitPlace } from '../home/kit-place.ts';
import { finishGit, hasUnfinishedGit, noteGit } from '../home/unfinished-git.ts';
import { initView, existingView, planView, type InitData } from '../views/init.ts';

export const init: CommandSpec = defineCommand({
  examples: [
    { command: 'auths init', what: 'asks two questions and sets everything up' },
    { command: 'auths init --name laptop --git global', what: 'the same without questions about git' },
    { command: 'AUTHS_PASSPHRASE=… auths init --no-input --json', what: 'for scripts and CI' },
    { command: 'auths init --dry-run', what: 'shows what would be written and changes nothing' },
  ],
  flags: {
    name: { kind: 'value', hint: 'DEVICE', summary: 'name of this device (default: the host name)' },
    git: {
      kind: 'value',
      hint: 'SCOPE',
      choices: ['local', 'global', 'none'],
      summary: 'set git up to sign here',
    },
    'recovery-file': { kind: 'value', hint: 'F', summary: 'write the recovery kit to F, off this machine' },
    profile: {
      kind: 'value',
      hint: 'P',
      choices: ['developer', 'ci'],
      summary: 'ci asks nothing, also on a terminal (default developer)',
    },
    'dry-run': { kind: 'switch', summary: 'show what would be done' },
  },
  arguments: [],
  async run(context, { flags }) {
    const existing = await readHomeReport(context);
    if (existing.identity !== null) {
      if (!(await hasUnfinishedGit(context))) return alreadyThere(context, existing, existing.identity.role);
      await withInitLock(context.home, () => finishGit(context));
      return alreadyThere(context, await readHomeReport(context), existing.identity.role);
    }
    const plan = await makePlan(context, flags);
    if (flags['dry-run'])
      return { data: { ...emptyData(plan), dry_run: true }, text: planView(context, plan) };
    await needPassphrase(context);
    gitVersion();
    await passphraseFirst(context);
    makeHomeFolder(context.home);
    return withInitLock(context.home, () => create(context, plan));
  },
});

export interface InitPlan {
  readonly name: string;
  readonly git: GitChoice;
  readonly recoveryFile: string | undefined;
  readonly settings: readonly string[];
}

interface InitFlags {
  readonly name: string | undefined;
  readonly git: GitChoice | undefined;
  readonly 'recovery-file': string | undefined;
  readonly profile: 'developer' | 'ci' | undefined;
}

/** Everything that may be refused is refused here, before anything is written. */
async function makePlan(context: Context, flags: InitFlags): Promise<InitPlan> {
  if (flags.name?.trim() === '') {
    throw new AuthsError('usage/invalid', 'a device needs a name', { hint: 'auths init --name laptop' });
  }
  const name = cleanDeviceName(flags.name ?? defaultDeviceName());
  const asks = context.terminal.interactive && flags.profile !== 'ci';
  const git = flags.git ?? (asks ? await askScope(context) : 'none');
  const states = git === 'none' ? [] : await planGit(context, git, CAPABILITIES);
  return { name, git, recoveryFile: flags['recovery-file'], settings: settingLines(context, states) };
}

/** The host's own name without its domain. */
export function defaultDeviceName(): string {
  return hostname().split('.')[0] || 'this-device';
}

async function askScope(context: Context): Promise<GitChoice> {
  return context.terminal.choose<GitChoice>(
    'Let git sign commits with this device?',
    [
      { value: 'global', label: 'in every repository', hint: 'git config --global' },
      { value: 'local', label: 'only in this repository', hint: 'git config --local' },
      { value: 'none', label: 'not now', hint: 'auths git setup does it later' },
    ],
    { flag: '--git local|global|none', initial: 'global' },
  );
}

/** No passphrase and nobody to ask: said before anything is written. */
async function needPassphrase(context: Context): Promise<void> {
  if ((await keychainKind(context)) === 'file' && context.terminal.passphraseSource() === null) {
    await context.terminal.passphrase('');
  }
}

async function create(context: Context, plan: InitPlan): Promise<CommandResult> {
  const stores = await openStores(context, { create: true });
  try {
    if (stores.identity !== null) {
      return alreadyThere(context, await readHomeReport(context), stores.identity.role);
    }
    const lost = lostIdentity(context.home);
    if (lost !== null) throw lost;
    const made = await makeIdentity(context, stores, plan);
    // The first fold is made here, so that whatever runs next finds it.
    await readIdentityView(stores.home.dir);
    await finishGit(context);
    const data: InitData = {
      controller_did: made.controllerDid,
      device_did: made.deviceDid,
      device_name: made.deviceName,
      keychain: await keychainKind(context),
      git: plan.git,
      recovery: plan.recoveryFile === undefined ? 'on-this-machine' : 'exported',
    };
    return { data, text: initView(context, data) };
  } finally {
    await stores.close();
  }
}

async function makeIdentity(context: Context, stores: Stores, plan: InitPlan): Promise<Initialised> {
  const { home, log, attestations } = stores;
  const held = await (await openKeys(context)).list();
  if (held.some(({ alias }) => alias === NEXT_IDENTITY)) {
    throw new AuthsError('identity/exists', 'a recovery was begun in this home and did not come to its end', {
      hint: 'run the same auths id recover again: it goes on from where that one stopped',
      details: { controller_did: held.find(({ alias }) => alias === NEXT_IDENTITY)?.did ?? '' },
    });
  }
  const fresh = held.length === 0;
  const keys = await openKeys(context, { newPassphrase: fresh });
  await recordMachine(context.home);
  const ports = {
    clock: context.clock,
    random: context.random,
    engine: verifyEngine,
    keys,
    kit: kitPlace(context, plan.recoveryFile),
    log,
    attestations,
    signerOf: createSigner,
  };
  return initIdentity(
    {
      ...ports,
      async writeIdentity(did, createdAt) {
        const device = await keys.get('device');
        if (device === null)
          throw new AuthsError('key/not-found', 'the device key is gone', { details: { alias: 'device' } });
        const { publicKey } = createSigner(device.bytes);
        device.bytes.fill(0);
        await writeDevicePub(context.home, publicKey, plan.name);
        await writeAllowedSigners(home, did);
        if (plan.recoveryFile !== undefined) {
          await configSet({ scope: 'home', gitDir: home.dir }, 'auths.recovery', 'exported');
        }
        if (plan.git !== 'none') await noteGit(context, plan.git);
        await writeIdentityDocument(home, {
          version: 1,
          controller_did: did,
          role: 'controller',
          created_at: formatTime(createdAt),
        });
      },
    },
    { deviceName: plan.name },
  );
}

/** A second run says what exists and changes nothing. A home that was paired to an identity is not one to begin another in. */
function alreadyThere(context: Context, report: HomeReport, role: 'controller' | 'device'): CommandResult {
  const { identity } = report;
  if (identity === null) throw new AuthsError('internal/bug', 'an identity document without an identity');
  if (role === 'device') {
    throw new AuthsError(
      'identity/exists',
      `this home already belongs to ${identity.controllerDid}, as one of its devices`,
      {
        hint: 'set AUTHS_HOME to another folder for another identity',
        details: { controller_did: identity.controllerDid },
      },
    );
  }
  const data: InitData = {
    controller_did: identity.controllerDid,
    device_did: report.deviceDid,
    device_name: report.device?.name ?? null,
    keychain: report.keychain,
    git: report.git,
    recovery: report.recovery,
  };
  return { data, text: existingView(context, data) };
}

function emptyData(plan: InitPlan): InitData {
  const recovery: RecoveryState = plan.recoveryFile === undefined ? 'on-this-machine' : 'exported';
  return {
    controller_did: null,
    device_did: null,
    device_name: plan.name,
    keychain: null,
    git: plan.git,
    recovery,
  };
}
