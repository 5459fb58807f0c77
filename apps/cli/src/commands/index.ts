/**
 * The table of commands. One line each; nothing here may import a command statically, so that a
 * command costs only what it uses. The order is the order of `auths help`.
 */
import type { CommandEntry } from '../command.ts';

export const commands: readonly CommandEntry[] = [
  {
    name: 'init',
    summary: 'create your identity and set this device up',
    load: () => import('./init.ts').then((m) => m.init),
  },
  {
    name: 'status',
    summary: 'identity, this device, and what to do next',
    load: () => import('./status.ts').then((m) => m.status),
  },
  {
    name: 'whoami',
    summary: 'the identity and device of this home',
    load: () => import('./whoami.ts').then((m) => m.whoami),
  },
  {
    name: 'doctor',
    summary: 'find and repair what is wrong here',
    load: () => import('./doctor.ts').then((m) => m.doctor),
  },
  {
    name: 'pair',
    summary: 'add a device, or join an identity with --join',
    load: () => import('./pair.ts').then((m) => m.pair),
  },
  {
    name: 'devices list',
    aliases: ['devices', 'id show-devices'],
    summary: 'the devices of this identity',
    load: () => import('./devices.ts').then((m) => m.devicesList),
  },
  {
    name: 'devices show',
    summary: 'one device in full',
    load: () => import('./devices.ts').then((m) => m.devicesShow),
  },
  {
    name: 'devices rename',
    summary: 'give a device another name',
    load: () => import('./device-changes.ts').then((m) => m.devicesRename),
  },
  {
    name: 'devices extend',
    summary: 'move the expiry of a device',
    load: () => import('./device-changes.ts').then((m) => m.devicesExtend),
  },
  {
    name: 'devices revoke',
    summary: 'take a device away, for good',
    load: () => import('./devices-revoke.ts').then((m) => m.devicesRevoke),
  },
  {
    name: 'devices request',
    summary: 'ask an identity for a place, in a file',
    load: () => import('./devices-request.ts').then((m) => m.devicesRequest),
  },
  {
    name: 'devices accept',
    summary: 'answer the request of a device, in a file',
    load: () => import('./devices-accept.ts').then((m) => m.devicesAccept),
  },
  {
    name: 'id show',
    summary: 'the identity: DID, keys, sequence',
    load: () => import('./id-show.ts').then((m) => m.idShow),
  },
  {
    name: 'id rotate',
    summary: 'let the next key take over, also after theft',
    load: () => import('./id-rotate.ts').then((m) => m.idRotate),
  },
  {
    name: 'id recover',
    summary: 'bring a lost or stolen identity to this machine',
    load: () => import('./id-recover.ts').then((m) => m.idRecover),
  },
  {
    name: 'id export',
    summary: 'log and records in one signed file',
    load: () => import('./id-export.ts').then((m) => m.idExport),
  },
  {
    name: 'id repair',
    summary: 'make one log of two that have parted',
    load: () => import('./id-rotate.ts').then((m) => m.idRepair),
  },
  {
    name: 'kel show',
    summary: 'the key event log, readable',
    load: () => import('./kel.ts').then((m) => m.kelShow),
  },
  {
    name: 'kel export',
    summary: 'the key event log as a CESR stream',
    load: () => import('./kel.ts').then((m) => m.kelExport),
  },
  {
    name: 'kel verify',
    summary: 'replay any key event log',
    load: () => import('./kel-verify.ts').then((m) => m.kelVerify),
  },
  {
    name: 'attestation show',
    summary: 'one attestation, readable',
    load: () => import('./attestation.ts').then((m) => m.attestationShow),
  },
  {
    name: 'attestation verify',
    summary: 'one attestation against a log',
    load: () => import('./attestation.ts').then((m) => m.attestationVerify),
  },
  {
    name: 'verify',
    summary: 'who signed a commit, tag or range, and may they',
    load: () => import('./verify.ts').then((m) => m.verify),
  },
  {
    name: 'repo init',
    summary: 'put roots, policy and evidence into a work tree',
    load: () => import('./repo.ts').then((m) => m.repoInit),
  },
  {
    name: 'repo update',
    summary: 'refresh the evidence of a work tree',
    load: () => import('./repo.ts').then((m) => m.repoUpdate),
  },
  {
    name: 'repo check',
    summary: 'is the evidence of a work tree whole and fresh',
    load: () => import('./repo.ts').then((m) => m.repoCheck),
  },
  {
    name: 'signers export',
    summary: 'allowed_signers for stock git',
    load: () => import('./signers.ts').then((m) => m.signersExport),
  },
  {
    name: 'push',
    summary: 'send your log and records to a git remote',
    load: () => import('./push.ts').then((m) => m.push),
  },
  {
    name: 'pull',
    summary: 'fetch news of your identity from a git remote',
    load: () => import('./pull.ts').then((m) => m.pull),
  },
  {
    name: 'git setup',
    summary: 'let git sign with this device',
    load: () => import('./git.ts').then((m) => m.gitSetup),
  },
  {
    name: 'git unset',
    summary: 'give git back what it had',
    load: () => import('./git.ts').then((m) => m.gitUnset),
  },
  {
    name: 'git status',
    summary: 'how git signs here',
    load: () => import('./git.ts').then((m) => m.gitStatus),
  },
  {
    name: 'key list',
    summary: 'the keys of this home, by alias',
    load: () => import('./key.ts').then((m) => m.keyList),
  },
  {
    name: 'key show',
    summary: 'the public half of a key',
    load: () => import('./key.ts').then((m) => m.keyShow),
  },
  {
    name: 'key create',
    summary: 'a device key before any identity',
    load: () => import('./key.ts').then((m) => m.keyCreate),
  },
  {
    name: 'recovery export',
    summary: 'move the recovery kit off this machine',
    load: () => import('./recovery.ts').then((m) => m.recoveryExport),
  },
  {
    name: 'recovery check',
    summary: 'prove that a recovery kit still opens',
    load: () => import('./recovery.ts').then((m) => m.recoveryCheck),
  },
  {
    name: 'completion',
    summary: 'completion for bash, zsh or fish',
    load: () => import('./completion.ts').then((m) => m.completion),
  },
  {
    name: 'help errors',
    summary: 'what an error code means',
    load: () => import('./help-errors.ts').then((m) => m.helpErrors),
  },
];
