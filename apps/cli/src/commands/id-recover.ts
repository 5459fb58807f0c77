/** `auths id recover`: the identity moves to this machine. It rotates, this device is linked, the lost one revoked. */
import { cleanDeviceName } from '@auths/core/attestation/attestation';
import { CAPABILITIES } from '@auths/core/attestation/capability';
import { digestOf } from '@auths/core/attestation/sign';
import { encodeCesr } from '@auths/core/encoding/cesr';
import { AuthsError } from '@auths/core/errors';
import { didKeriOf } from '@auths/core/identifiers';
import { gitVersion } from '@auths/git-store/git';
import { rememberRemote } from '@auths/git-store/remote-address';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { homeFiles, openStores } from '../composition.ts';
import { planGit } from '../git-scope.ts';
import { makeHomeFolder } from '../home/home-folder.ts';
import { withInitLock } from '../home/home-lock.ts';
import { finishGit } from '../home/unfinished-git.ts';
import { requireAsWished } from '../recovery/earlier-recovery.ts';
import { readNextSeed, seedFlags, type NextSeed } from '../recovery/next-seed.ts';
import { recoverInto } from '../recovery/recover-home.ts';
import { findIdentity } from '../recovery/recovery-source.ts';
import { droppedJson, recordJson, vouchFlags, type VouchFlags } from '../recovery/vouching.ts';
import { meetWitnesses } from '../witnesses/witness-change.ts';
import { defaultDeviceName } from './init.ts';

export const idRecover: CommandSpec = defineCommand({
  examples: [
    {
      command:
        'auths id recover --recovery-file /media/usb/auths-kit.json --from /srv/identity.git --vouch-until 4',
      what: 'the laptop is lost: everything up to event 4 was yours',
    },
    {
      command: 'auths id recover --words - --from git@example.org:me.git --all --keep phone',
      what: 'from the paper; only phone stays',
    },
    { command: 'auths id recover --words - --from me.auths --all', what: 'with a bundle of auths id export' },
  ],
  flags: {
    ...seedFlags,
    from: {
      kind: 'list',
      hint: 'PLACE',
      summary: 'a git remote, or a bundle of auths id export (default: what the kit names)',
    },
    ...vouchFlags,
    lost: {
      kind: 'value',
      hint: 'DEVICE',
      summary: 'the device to revoke as compromised (default: the one of the lost home)',
    },
    witness: {
      kind: 'list',
      hint: 'URL',
      summary: 'where a witness of the identity answers; enough of them must receipt the recovery',
    },
    name: { kind: 'value', hint: 'DEVICE', summary: 'name of this device (default: the host name)' },
    git: {
      kind: 'value',
      hint: 'SCOPE',
      choices: ['local', 'global', 'none'],
      summary: 'set git up to sign here (default none)',
    },
  },
  arguments: [],
  more: 'It asks for a passphrase: the one of the kit, which is from then on the one of this home too. If the key was stolen while this home still has the identity: auths id rotate --reason compromised.',
  async run(context, { flags }) {
    if (flags['recovery-file'] === undefined && flags.words === undefined) {
      throw new AuthsError('usage/missing-answer', 'a recovery needs the kit or the words', {
        hint: 'give --recovery-file FILE, or --words - to type the 24 recovery words',
        details: { flag: '--recovery-file' },
      });
    }
    const name = cleanDeviceName(flags.name ?? defaultDeviceName());
    const git = flags.git ?? 'none';
    if (git !== 'none') await planGit(context, git, CAPABILITIES);
    gitVersion();
    const next = await readNextSeed(context, flags);
    try {
      makeHomeFolder(context.home);
      return await withInitLock(context.home, () => recover(context, next, { ...flags, name, git }));
    } finally {
      next.seed.fill(0);
    }
  },
});

interface Wanted extends VouchFlags {
  readonly from: readonly string[];
  readonly witness: readonly string[];
  readonly lost: string | undefined;
  readonly name: string;
  readonly git: 'local' | 'global' | 'none';
}

async function recover(
  context: Context,
  next: NextSeed,
  wanted: Wanted,
): Promise<{ readonly data: unknown; readonly text: string }> {
  const stores = await openStores(context, { create: true });
  try {
    if (stores.identity !== null) {
      throw new AuthsError(
        'identity/exists',
        `this home already belongs to ${stores.identity.controller_did}`,
        {
          hint:
            stores.identity.role === 'controller'
              ? 'here the key is rotated: auths id rotate --reason compromised'
              : 'set AUTHS_HOME to another folder; that home is recovered, and this device stays paired',
          details: { controller_did: stores.identity.controller_did },
        },
      );
    }
    await meetWitnesses(context.home, wanted.witness);
    const recovered = await recoverInto(context, stores, next, wanted, () =>
      findIdentity(context, stores.home.dir, next, wanted.from),
    );
    for (const remote of recovered.remotes) await rememberRemote(stores.home.dir, remote);
    await finishGit(context);
    await requireAsWished(context, recovered, wanted);
    const { rotated, dropped } = recovered;
    const data = {
      controller_did: didKeriOf(recovered.prefix),
      device_did: recovered.deviceDid,
      device_name: recovered.name,
      sequence: rotated.sequence,
      said: rotated.said,
      key: encodeCesr('D', rotated.key),
      reason: 'recovered',
      revoked: recovered.revoked,
      resealed: rotated.records.map((record) => recordJson(record, digestOf(record))),
      dropped: dropped.map(droppedJson),
      git: wanted.git,
      kit: { file: homeFiles(context.home).kit },
      next_steps: [
        {
          summary: 'send the recovery to where others look',
          command: recovered.remotes.length > 0 ? 'auths push' : 'auths push REMOTE',
        },
        {
          summary: 'move the new recovery kit off this machine',
          command: 'auths recovery export --output FILE',
        },
        { summary: 'in each repository with .auths/', command: 'auths repo update' },
      ],
    };
    const text = [
      `${data.controller_did} is at home here now`,
      `the next key is in force from event ${rotated.sequence} on; older kits and words open nothing any more`,
      ...(recovered.revoked === null ? [] : [`revoked as compromised: ${recovered.revoked}`]),
      ...(dropped.length === 0 ? [] : [`given up: ${dropped.length} records`]),
      ...data.next_steps.map(({ summary, command }) => `next: ${command}  (${summary})`),
    ].join('\n');
    return { data, text };
  } finally {
    await stores.close();
  }
}
