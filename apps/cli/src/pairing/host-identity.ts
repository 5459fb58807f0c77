/** The authority of this home, opened for pairing. */
import { decodeCesrFixed } from '@auths/core/encoding/cesr';
import { decodeX25519Did, encodeX25519Did } from '@auths/core/encoding/did-key';
import type { HostFace } from '@auths/core/flows/pair-host';
import type { GrantingIdentity, HostIdentity } from '@auths/core/flows/pairing-ports';
import type { KeyStore, Signer } from '@auths/core/ports';
import { requireGit } from '@auths/git-store/git';
import type { IdentityDocument } from '@auths/git-store/identity-document';
import { refuseCopiedHome } from '@auths/key-store/machine';
import { pairedDevices, requirePairedDevices } from '@auths/key-store/paired-devices';
import type { Context } from '../command.ts';
import { lostKey, openKeys, signerFor, type Stores } from '../composition.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { readIdentityView } from '../home/identity-view.ts';
import { ownLog } from '../witnesses/own-log.ts';
import { nativeCrypto } from './native-crypto.ts';
import { compareWithRemotes } from '../remotes/before-append.ts';

type AuthorityStores = Stores & { readonly identity: IdentityDocument };

/**
 * Keys and stores of the home that may grant; asks for the passphrase. `key/not-found` names the key that is
 * missing; `identity/copied-home` and, after a look at the known remotes, `kel/conflict` keep two from writing one log.
 */
export async function openHostIdentity(context: Context, stores: AuthorityStores): Promise<HostIdentity> {
  await requireOnlyWriter(context, stores);
  return openSecrets(context, stores, await openKeys(context));
}

export interface HostInSight {
  /** Opens the keys, once. */
  readonly host: () => Promise<HostIdentity>;
  /** Absent where nothing may be shown before the keys are open. */
  readonly face?: HostFace;
  /** Of the channel secret, if it was opened. */
  readonly wipe: () => void;
}

/**
 * The same without waiting for the keys, which takes some tenths of a second, where the public halves are known without
 * them. Whoever types a passphrase is told first whether it was the right one. Before anything is shown it is known that a
 * pairing can be written down here.
 */
export async function hostInSight(context: Context, stores: AuthorityStores): Promise<HostInSight> {
  await requireOnlyWriter(context, stores);
  await requirePairedDevices(context.home);
  const keys = await openKeys(context);
  let opened: Promise<HostIdentity> | null = null;
  let secret: Uint8Array | null = null;
  const open = async (): Promise<HostIdentity> => {
    // A process of its own takes longer than all that comes before a code; nobody is let in or asked before it has ended.
    await requireGit();
    const identity = await openSecrets(context, stores, keys);
    secret = identity.channelSecret;
    return identity;
  };
  const host = (): Promise<HostIdentity> => (opened ??= open());
  const wipe = (): void => void secret?.fill(0);
  const face = context.terminal.passphraseSource() === 'prompt' ? null : await faceOf(context, stores, keys);
  if (face !== null) return { host, face, wipe };
  await host();
  return { host, wipe };
}

async function requireOnlyWriter(context: Context, stores: AuthorityStores): Promise<void> {
  await refuseCopiedHome(context.home, undefined, (from) => wasMoved(context, from));
  await compareWithRemotes(context, stores);
}

/** The same for who only seals: a revocation waits for no key that it does not sign with. */
export async function openGrantingIdentity(
  context: Context,
  stores: AuthorityStores,
): Promise<GrantingIdentity> {
  await requireOnlyWriter(context, stores);
  return openIdentityKey(context, stores, await openKeys(context));
}

async function openIdentityKey(
  context: Context,
  stores: AuthorityStores,
  keys: KeyStore,
): Promise<GrantingIdentity> {
  const { settleRotation } = await import('../recovery/kit-shelf.ts');
  const reopen = async (): Promise<Signer> => {
    await settleRotation(context, stores, keys, stores.identity.controller_did);
    return signerFor(context, keys, 'identity');
  };
  return {
    controllerDid: stores.identity.controller_did,
    identity: await reopen(),
    reopen,
    log: await ownLog(context, stores),
    records: stores.attestations,
    devices: pairedDevices(context.home),
  };
}

async function openSecrets(context: Context, stores: AuthorityStores, keys: KeyStore): Promise<HostIdentity> {
  const granting = await openIdentityKey(context, stores, keys);
  const device = await signerFor(context, keys, 'device');
  const channel = await keys.get('channel');
  if (channel === null) throw await lostKey(context, 'channel');
  const did = encodeX25519Did(nativeCrypto.x25519PublicKey(channel.bytes));
  if (channel.did !== did) await keys.put('channel', channel.bytes, { did, replace: true });
  return { ...granting, device, channelSecret: channel.bytes };
}

/** Null unless all seems well: what is wrong is found and told, with the right words, once the keys are open. */
async function faceOf(
  { home, clock }: Context,
  stores: AuthorityStores,
  keys: KeyStore,
): Promise<HostFace | null> {
  const view = await readIdentityView(home).catch(() => null);
  const did = readDeviceKey(home)?.did;
  const own = view?.devices.find((device) => device.did === did);
  const isLive =
    own !== undefined &&
    own.fault === null &&
    own.revokedAt === null &&
    (own.expiresAt === null || Date.parse(own.expiresAt) > clock.now());
  const channel = (await keys.list()).find(({ alias }) => alias === 'channel');
  const hostStatic = decodeX25519Did(channel?.did ?? '');
  const [key, ...others] = view?.keys ?? [];
  if (!isLive || hostStatic === null || key === undefined || others.length > 0) return null;
  return {
    controllerDid: stores.identity.controller_did,
    signingKey: decodeCesrFixed(key).raw,
    hostStatic,
  };
}

/** The old place is empty, so this is a move; a person at a terminal may know of another copy. */
async function wasMoved(context: Context, from: string): Promise<boolean> {
  if (!context.terminal.interactive || context.globals.yes) {
    context.note(`this home was moved from ${from}; it is at home here from now on`);
    return true;
  }
  return context.terminal.confirm(
    `This home was moved from ${from}. Is no other copy of it in use?`,
    '--yes',
  );
}
