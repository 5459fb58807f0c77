/** The device after it has joined: the files that git reads, and git itself if the person wants it. */
import { CAPABILITIES } from '@auths/core/attestation/capability';
import type { DidKeri } from '@auths/core/identifiers';
import type { Context } from '../command.ts';
import type { Stores } from '../composition.ts';
import type { GitChoice } from '../git-in-force.ts';
import { planGit, setUpGit } from '../git-scope.ts';
import { writeAllowedSigners, writeDevicePub } from '../home/device-files.ts';

/** The scope that --git names, that a person chooses, or none; foreign settings are refused or allowed here, before anything is written. */
export async function chooseGit(context: Context, given: GitChoice | null): Promise<GitChoice> {
  const scope = given ?? (context.terminal.interactive ? await askScope(context) : 'none');
  // What the host grants is not known yet, so everything that git could be told is looked at.
  if (scope !== 'none') await planGit(context, scope, CAPABILITIES);
  return scope;
}

export interface JoinedDevice {
  readonly publicKey: Uint8Array;
  readonly deviceName: string;
  readonly controllerDid: DidKeri;
  readonly capabilities: readonly string[];
  readonly git: GitChoice;
}

/** Writes device.pub and allowed_signers and sets git up. The pairing stands already, so a git that cannot be set up is said and no failure. */
export async function setUpDevice(
  context: Context,
  stores: Stores,
  device: JoinedDevice,
): Promise<GitChoice> {
  await writeDevicePub(context.home, device.publicKey, device.deviceName);
  await writeAllowedSigners(stores.home, device.controllerDid);
  if (device.git === 'none') return 'none';
  try {
    await setUpGit(context, device.git, device.capabilities);
    return device.git;
  } catch (error) {
    context.note(
      `git could not be set up: ${(error as Error).message}. Try: auths git setup --${device.git}`,
    );
    return 'none';
  }
}

async function askScope({ terminal }: Context): Promise<GitChoice> {
  return terminal.choose<GitChoice>(
    'Let git sign commits with this device?',
    [
      { value: 'global', label: 'in every repository', hint: 'git config --global' },
      { value: 'local', label: 'only in this repository', hint: 'git config --local' },
      { value: 'none', label: 'not now', hint: 'auths git setup does it later' },
    ],
    { flag: '--git local|global|none', initial: 'global' },
  );
}
