/** Capabilities: what a device may do in the name of its identity (storage-and-verification.md 3). */
import { AuthsError } from '../errors.ts';

/** The capabilities that this product itself asks for. Any other name of the grammar is a custom one. */
export const CAPABILITIES = [
  'manage_policy',
  'pair_device',
  'sign_commit',
  'sign_release',
  'sign_tag',
] as const;

export type KnownCapability = (typeof CAPABILITIES)[number];

/** What a person reads on the pairing screen and in `devices show`. */
export const CAPABILITY_WORDS: Readonly<Record<KnownCapability, string>> = {
  manage_policy: 'change who is trusted here (.auths/roots and policy.json)',
  pair_device: 'ask the authority to pair a device',
  sign_commit: 'sign commits',
  sign_release: 'sign releases and files',
  sign_tag: 'sign tags',
};

const NAME = /^[a-z0-9:_-]{1,64}$/;
const MOST = 64;

export function isCapability(name: string): boolean {
  return NAME.test(name);
}

/** The names in the order of their bytes, each once: the form that records hold. A name outside `[a-z0-9:_-]{1,64}`, or more than 64: `input/malformed`. */
export function sortCapabilities(names: readonly string[]): readonly string[] {
  const sorted = [...new Set(names)].sort(byBytes);
  requireNames(sorted);
  return sorted;
}

/** `sign_commit,sign_tag` as given to `--capabilities`: sorted, without doubles; blanks around names are ignored. Empty text: `input/malformed`. */
export function parseCapabilityList(text: string): readonly string[] {
  return sortCapabilities(text.split(',').map((name) => name.trim()));
}

/** Checks a record's own list: valid names, strictly ascending. Else `input/malformed` naming `path`. */
export function requireSortedCapabilities(names: readonly string[], path: string): void {
  requireNames(names, path);
  for (let i = 1; i < names.length; i++) {
    if (byBytes(names[i - 1] as string, names[i] as string) >= 0) {
      throw new AuthsError('input/malformed', `${path}: capabilities must be sorted, each once`);
    }
  }
}

function requireNames(names: readonly string[], path = 'capabilities'): void {
  if (names.length > MOST) throw new AuthsError('input/malformed', `${path}: more than ${MOST} capabilities`);
  for (const name of names) {
    if (!NAME.test(name)) {
      throw new AuthsError(
        'input/malformed',
        `${path}: "${name.slice(0, 70)}" is not a capability (a–z, 0–9, ":", "_", "-"; at most 64 characters)`,
      );
    }
  }
}

/** Names are ASCII, so the order of code units is the order of bytes. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
