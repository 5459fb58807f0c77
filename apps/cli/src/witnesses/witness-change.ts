/** What `auths id rotate` does to the witnesses: the flags, the new list, how many of it must receipt. */
import { AuthsError } from '@auths/core/errors';
import type { WitnessChange } from '@auths/core/keri/build';
import type { Authority } from '@auths/core/keri/key-state';
import type { Context } from '../command.ts';
import { typedOrigin } from '../typed-origin.ts';
import { noteWitnesses, readWitnesses } from './known-witnesses.ts';
import { identifyWitness } from './witness-client.ts';

export const witnessFlags = {
  witness: {
    kind: 'list',
    hint: 'URL',
    summary: 'the witness there must receipt from now on; for one that has moved, its new address',
  },
  'cut-witness': { kind: 'list', hint: 'AID', summary: 'this witness (AID or URL) is asked no more' },
  'witness-threshold': {
    kind: 'value',
    hint: 'N',
    summary: 'how many must receipt (default: more than half)',
  },
} as const;

export interface WitnessFlags {
  readonly witness: readonly string[];
  readonly 'cut-witness': readonly string[];
  readonly 'witness-threshold': string | undefined;
}

export function changesWitnesses(flags: WitnessFlags): boolean {
  return flags.witness.length + flags['cut-witness'].length > 0 || flags['witness-threshold'] !== undefined;
}

/** Notes the address of each witness at a URL, and resolves to its AIDs. `network/unreachable`, `usage/invalid`. */
export async function meetWitnesses(home: string, urls: readonly string[]): Promise<readonly string[]> {
  const origins = urls.map((url) => typedOrigin('--witness', url));
  const aids = await Promise.all(origins.map(identifyWitness));
  await noteWitnesses(home, new Map(aids.map((aid, index) => [aid, origins[index] as string])));
  return [...new Set(aids)];
}

/** The change against the list in force. `usage/invalid` for what does not fit it. */
export async function planWitnesses(
  { home }: Pick<Context, 'home'>,
  { witnesses, witnessThreshold }: Pick<Authority, 'witnesses' | 'witnessThreshold'>,
  flags: WitnessFlags,
): Promise<WitnessChange> {
  const met = await meetWitnesses(home, flags.witness);
  const known = await readWitnesses(home);
  const cut = [...new Set(flags['cut-witness'].map((text) => memberOf(text, witnesses, known)))];
  const add = met.filter((aid) => !witnesses.includes(aid));
  const both = met.find((aid) => cut.includes(aid));
  if (both !== undefined) throw usage(`${both} cannot be added and cut at once`);
  const size = witnesses.length - cut.length + add.length;
  const isSame = cut.length + add.length === 0;
  const threshold = flags['witness-threshold'];
  return {
    cut,
    add,
    threshold:
      threshold === undefined ? (isSame ? witnessThreshold : majorityOf(size)) : thresholdOf(threshold, size),
  };
}

/** Whether the flags ask for nothing that a rotation has not done already. The addresses are those noted when it was begun. */
export async function hasWitnesses(
  home: string,
  { witnesses, witnessThreshold }: Pick<Authority, 'witnesses' | 'witnessThreshold'>,
  flags: WitnessFlags,
): Promise<boolean> {
  const known = await readWitnesses(home);
  const origins = new Set(witnesses.map((aid) => known.get(aid)));
  const threshold = flags['witness-threshold'];
  return (
    flags.witness.every((url) => origins.has(typedOrigin('--witness', url))) &&
    flags['cut-witness'].every((text) => findMember(text, witnesses, known) === undefined) &&
    (threshold === undefined || Number(threshold) === witnessThreshold)
  );
}

/** More than half: two events at one place then never both find enough honest witnesses. */
function majorityOf(size: number): number {
  return size === 0 ? 0 : Math.floor(size / 2) + 1;
}

function thresholdOf(text: string, size: number): number {
  const value = Number(text);
  const least = size === 0 ? 0 : 1;
  if (/^\d{1,3}$/.test(text) && value >= least && value <= size) return value;
  throw usage(`--witness-threshold ${text.slice(0, 20)} is not ${least} to ${size}, with ${size} witnesses`);
}

function memberOf(text: string, members: readonly string[], known: ReadonlyMap<string, string>): string {
  const aid = findMember(text, members, known);
  if (aid !== undefined) return aid;
  throw usage(`--cut-witness ${text.slice(0, 100)} is no witness of this identity`);
}

function findMember(
  text: string,
  members: readonly string[],
  known: ReadonlyMap<string, string>,
): string | undefined {
  if (members.includes(text)) return text;
  const origin = /^https?:/i.test(text) ? typedOrigin('--witness', text) : null;
  return members.find((member) => origin !== null && known.get(member) === origin);
}

function usage(message: string): AuthsError<'usage/invalid'> {
  return new AuthsError('usage/invalid', message, { hint: 'auths id show lists the witnesses' });
}
