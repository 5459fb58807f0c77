/** `auths id rotate` and `auths id repair`: the next key takes over; after theft or a fork, at the right event. */
import { digestOf } from '@auths/core/attestation/sign';
import { encodeCesr } from '@auths/core/encoding/cesr';
import { AuthsError } from '@auths/core/errors';
import { finishRotation, rotateKeys } from '@auths/core/flows/rotate-keys';
import { readOwnLog } from '@auths/core/flows/seal-records';
import { surveySeals } from '@auths/core/flows/survey-seals';
import { prefixOf } from '@auths/core/identifiers';
import { knownRemotes } from '@auths/git-store/remote-address';
import { refuseCopiedHome } from '@auths/key-store/machine';
import { createSigner } from '@auths/key-store/signer';
import { defineCommand, type CommandResult, type CommandSpec, type Context } from '../command.ts';
import { homeFiles, openKeys, verifyEngine, withAuthority } from '../composition.ts';
import { closeRevokedChannels } from '../home/channels.ts';
import { writeAllowedSigners } from '../home/device-files.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { readLogView } from '../home/identity-view.ts';
import { withInitLock } from '../home/init-lock.ts';
import { collectSources } from '../recovery/branch-sources.ts';
import { explainMisfit } from '../recovery/misfit.ts';
import { rotationPorts } from '../recovery/kit-shelf.ts';
import { readNextSeed, seedFlags } from '../recovery/next-seed.ts';
import {
  droppedJson,
  recordJson,
  vouch,
  vouchFlags,
  type Vouched,
  type VouchFlags,
} from '../recovery/vouching.ts';
import { compareWithRemotes } from '../remotes/before-append.ts';
import type { IdentityStores } from '../remotes/pull-remote.ts';

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
  ],
  flags: {
    reason: { kind: 'value', hint: 'R', choices: REASONS, summary: 'why (default retired)' },
    ...vouchFlags,
    ...seedFlags,
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

type Flags = Partial<VouchFlags> & {
  readonly 'recovery-file': string | undefined;
  readonly words: string | undefined;
};

async function rotate(
  context: Context,
  stores: IdentityStores,
  reason: 'retired' | 'compromised' | 'forked',
  flags: Flags,
): Promise<CommandResult> {
  const issuer = stores.identity.controller_did;
  await refuseCopiedHome(context.home);
  if (reason === 'retired') await compareWithRemotes(context, stores);
  const remotes = (await knownRemotes(stores.home.dir, () => undefined)).map(({ url }) => url);
  const result = await withInitLock(context.home, async () => {
    const keys = await openKeys(context);
    const ports = await rotationPorts(context, stores, keys, remotes);
    if ((await finishRotation(ports, issuer)) === 'finished') return interrupted(context, stores);
    const { seed, name } = await readNextSeed(context, flags);
    try {
      await explainMisfit(stores, issuer, createSigner(seed).publicKey, name);
      const vouched = await place(context, stores, reason, flags);
      const rotated = await rotateKeys(ports, {
        issuer,
        nextSeed: seed,
        ...(vouched === null ? {} : { at: vouched.at, reseal: vouched.reseal }),
      });
      return {
        sequence: rotated.sequence,
        said: rotated.said,
        previous_key: encodeCesr('D', rotated.previousKey),
        key: encodeCesr('D', rotated.key),
        resealed: rotated.records.map((record) => recordJson(record, digestOf(record))),
        dropped: (vouched?.dropped ?? []).map(droppedJson),
      };
    } finally {
      seed.fill(0);
    }
  });
  await writeAllowedSigners(stores.home, issuer);
  await closeRevokedChannels(stores.home, await readLogView(stores.home, issuer));
  const data = {
    controller_did: issuer,
    ...result,
    reason,
    kit: { file: homeFiles(context.home).kit },
    next_steps: nextSteps(remotes.length > 0),
  };
  return { data, text: view(data) };
}

/** Null: behind the tip, with nothing to seal again. */
async function place(
  context: Context,
  stores: IdentityStores,
  reason: 'retired' | 'compromised' | 'forked',
  flags: Flags,
): Promise<Vouched | null> {
  if (reason === 'retired') return null;
  const prefix = prefixOf(stores.identity.controller_did);
  const sources = await collectSources(context, stores, prefix);
  const survey = surveySeals(await verifyEngine(), prefix, sources);
  if (survey === null) return null;
  for (const { name, reason: why } of survey.refused) context.note(`${name} was passed over: ${why}`);
  const own = readDeviceKey(context.home)?.did ?? null;
  if (reason === 'compromised') {
    const { all = false, keep = [], 'vouch-until': until } = flags;
    return vouch(context, survey, { all, keep, 'vouch-until': until }, own);
  }
  if (survey.fork === null) {
    throw new AuthsError(
      'usage/invalid',
      'there is nothing to repair: no place within reach shows another branch',
      {
        hint: 'auths pull REMOTE, if there is a remote that this home does not know yet',
      },
    );
  }
  const keep = survey.seals.map(({ digest }) => digest);
  return vouchAll(context, survey, keep);
}

/** Both branches are the owner's. */
async function vouchAll(
  context: Context,
  survey: NonNullable<ReturnType<typeof surveySeals>>,
  digests: readonly string[],
): Promise<Vouched> {
  const tip = String(survey.trunk.events.length - 1);
  const open = survey.seals.filter(
    ({ onTrunk, sequence, record }) => record !== null && (!onTrunk || sequence >= (survey.fork ?? 0)),
  );
  const keep = open.map(({ digest }) => digest).filter((digest) => digests.includes(digest));
  return vouch(context, survey, { all: false, keep, 'vouch-until': tip }, null);
}

/** What a run that died had published already. */
async function interrupted(
  context: Context,
  stores: IdentityStores,
): Promise<Readonly<Record<string, unknown>> & { readonly sequence: number }> {
  context.note('a rotation that was interrupted is complete now');
  const { verdict } = await readOwnLog(
    { log: stores.log, engine: await verifyEngine() },
    stores.identity.controller_did,
  );
  const at = verdict.events.findLastIndex(({ ilk }) => ilk === 'rot');
  const rot = verdict.events[at];
  const before = verdict.events[at - 1];
  if (rot === undefined || before === undefined)
    throw new AuthsError('internal/bug', 'no rotation to finish');
  return {
    sequence: rot.sequence,
    said: rot.said,
    previous_key: before.authority.keys[0],
    key: rot.authority.keys[0],
    resealed: rot.seals,
    dropped: [],
  };
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

function view(data: {
  readonly sequence: number;
  readonly resealed?: unknown;
  readonly dropped?: unknown;
  readonly kit: { readonly file: string };
  readonly next_steps: ReturnType<typeof nextSteps>;
}): string {
  return [
    `rotated: the next key is in force from event ${data.sequence} on`,
    ...(count(data.resealed) > 0 ? [`sealed again: ${count(data.resealed)} records`] : []),
    ...(count(data.dropped) > 0 ? [`given up: ${count(data.dropped)} records`] : []),
    `the new recovery kit is in ${data.kit.file}; older kits and words open nothing any more`,
    ...data.next_steps.map(({ summary, command }) => `next: ${command}  (${summary})`),
  ].join('\n');
}

function count(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}
