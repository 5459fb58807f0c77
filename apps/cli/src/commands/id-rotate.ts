/** `auths id rotate` and `auths id repair`: the next key takes over; after theft or a fork, at the right event. */
import { AuthsError } from '@auths/core/errors';
import { knownRemotes } from '@auths/git-store/remote-address';
import { refuseCopiedHome } from '@auths/key-store/machine';
import { afterSeal } from '../authority.ts';
import { defineCommand, type CommandResult, type CommandSpec, type Context } from '../command.ts';
import { homeFiles, lostKey, openKeys, withAuthority } from '../composition.ts';
import { closeRevokedChannels } from '../home/channels.ts';
import { writeAllowedSigners } from '../home/device-files.ts';
import { readLogView } from '../home/identity-view.ts';
import { requireNothingLost } from '../home/lost-events.ts';
import { NEEDED_KEYS } from '../home/own-keys.ts';
import { seedFlags } from '../recovery/next-seed.ts';
import {
  rotateHome,
  type RotatedHome,
  type RotationFlags,
  type RotationReason,
} from '../recovery/rotate-home.ts';
import { vouchFlags } from '../recovery/vouching.ts';
import { compareWithRemotes } from '../remotes/before-append.ts';
import type { IdentityStores } from '../remotes/pull-remote.ts';
import { changesWitnesses, witnessFlags } from '../witnesses/witness-change.ts';

const REASONS = ['retired', 'compromised'] as const;

export const idRotate: CommandSpec = defineCommand({
  examples: [
    { command: 'auths id rotate', what: 'the next key takes over; nothing signed before changes' },
    {
      command: 'auths id rotate --recovery-file /media/usb/auths-kit.json',
      what: 'with the kit from a stick',
    },
    {
      command: 'auths id rotate --reason compromised --all --keep phone',
      what: 'the key was stolen: only this device and phone stay',
    },
    {
      command:
        'auths id rotate --witness https://w1.example.org --witness https://w2.example.org --witness https://w3.example.org',
      what: 'from now on two of these three must receipt each event before it is shown to anybody',
    },
  ],
  flags: {
    reason: { kind: 'value', hint: 'R', choices: REASONS, summary: 'why (default retired)' },
    ...vouchFlags,
    ...seedFlags,
    ...witnessFlags,
  },
  arguments: [],
  more: 'The new recovery kit lies in this home afterwards, under its passphrase: move it away with auths recovery export.',
  async run(context, { flags }) {
    const reason = flags.reason ?? 'retired';
    if (reason === 'retired' && (flags.all || flags['vouch-until'] !== undefined || flags.keep.length > 0)) {
      throw new AuthsError('usage/invalid', '--all, --vouch-until and --keep go with --reason compromised', {
        hint: 'auths id rotate --reason compromised',
      });
    }
    // Implementations differ in what a superseding rotation does to the witness list: never both at once.
    if (reason === 'compromised' && changesWitnesses(flags)) {
      throw new AuthsError('usage/invalid', 'a rotation after a theft leaves the witnesses as they are', {
        hint: 'auths id rotate --reason compromised first, then once more for the witnesses',
      });
    }
    return withAuthority(context, 'auths id rotate', (stores) => rotate(context, stores, reason, flags));
  },
});

export const idRepair: CommandSpec = defineCommand({
  examples: [
    {
      command: 'auths id repair',
      what: 'two copies of a home have parted: one log again, with the seals of both',
    },
  ],
  flags: seedFlags,
  arguments: [],
  more: 'If the other branch is a thief’s and not yours: auths id rotate --reason compromised.',
  async run(context, { flags }) {
    return withAuthority(context, 'auths id repair', (stores) => rotate(context, stores, 'forked', flags));
  },
});

async function rotate(
  context: Context,
  stores: IdentityStores,
  reason: RotationReason,
  flags: RotationFlags,
): Promise<CommandResult> {
  const issuer = stores.identity.controller_did;
  await requireOtherKeys(context);
  await refuseCopiedHome(context.home);
  // After a theft or a fork the remotes are sources among others, each looked at below.
  if (reason === 'retired') await compareWithRemotes(context, stores);
  else await requireNothingLost(stores.home, issuer);
  const remotes = (await knownRemotes(stores.home.dir, () => undefined)).map(({ url }) => url);
  const result = await rotateHome(context, stores, reason, flags, remotes);
  await afterSeal(
    `the rotation stands, and its new kit is in ${homeFiles(context.home).kit}`,
    'do not rotate again for it',
    [
      () => writeAllowedSigners(stores.home, issuer),
      () => closeRevokedChannels(stores.home, () => readLogView(stores.home, issuer)),
    ],
  );
  const data = {
    controller_did: issuer,
    ...result,
    reason,
    kit: { file: homeFiles(context.home).kit },
    next_steps: nextSteps(remotes.length > 0),
  };
  return { data, text: view(data) };
}

/** The kit brings an identity key, and with that alone the home could grant and revoke nothing; the log would have moved on past a copy of its keys. */
async function requireOtherKeys(context: Context): Promise<void> {
  const held = new Set((await (await openKeys(context)).list()).map(({ alias }) => alias));
  const missing = NEEDED_KEYS.controller.find((alias) => alias !== 'identity' && !held.has(alias));
  if (missing !== undefined) throw await lostKey(context, missing);
}

function nextSteps(hasRemotes: boolean): readonly { readonly summary: string; readonly command: string }[] {
  return [
    { summary: 'move the new recovery kit off this machine', command: 'auths recovery export --output FILE' },
    {
      summary: 'send the rotation to where others look',
      command: hasRemotes ? 'auths push' : 'auths push REMOTE',
    },
    { summary: 'in each repository with .auths/', command: 'auths repo update' },
  ];
}

function view(
  data: RotatedHome & {
    readonly kit: { readonly file: string };
    readonly next_steps: ReturnType<typeof nextSteps>;
  },
): string {
  const { receipts, witnesses, witness_threshold: threshold } = data;
  return [
    `rotated: the next key is in force from event ${data.sequence} on`,
    ...(witnesses.length > 0
      ? [
          `receipted by ${receipts.length} of ${witnesses.length} witnesses; each event needs ${threshold} from now on`,
        ]
      : []),
    ...(data.resealed.length > 0 ? [`sealed again: ${data.resealed.length} records`] : []),
    ...(data.dropped.length > 0 ? [`given up: ${data.dropped.length} records`] : []),
    `the new recovery kit is in ${data.kit.file}; older kits and words open nothing any more`,
    ...data.next_steps.map(({ summary, command }) => `next: ${command}  (${summary})`),
  ].join('\n');
}
