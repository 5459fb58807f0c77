/**
 * Where adapters are made, and nowhere else: stores on git refs, the key store, the kit; engines in engines.ts. Heavy parts are
 * imported by the function that makes them, so that a command costs what it uses.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AuthsError } from '@auths/core/errors';
import type { DidKeri } from '@auths/core/identifiers';
import type { AttestationStore, EventLog, KeyStore } from '@auths/core/ports';
import { homeExists, whyNoHome } from '@auths/git-store/home-parts';
import type { Home } from '@auths/git-store/home-repository';
import type { IdentityDocument } from '@auths/git-store/identity-document';
import type { Context } from './command.ts';
import { lostIdentity } from './home/lost-identity.ts';

const NEW_PASSPHRASE = 'Choose a passphrase for the keys of this home';

/** An open home with its stores. Close it when done. */
export interface Stores {
  readonly home: Home;
  readonly log: EventLog;
  readonly attestations: AttestationStore;
  /** Null while the home has no identity. */
  readonly identity: IdentityDocument | null;
  close(): Promise<void>;
}

/** Opens the home, creating its repository only where `create` says so. Without a home: `identity/none`. */
export async function openStores(
  context: Context,
  options: { readonly create?: boolean } = {},
): Promise<Stores> {
  const [{ createHome, openHome }, { gitEventLog }, { gitAttestationStore }, { readIdentityDocument }] =
    await Promise.all([
      import('@auths/git-store/home-repository'),
      import('@auths/git-store/event-log'),
      import('@auths/git-store/attestation-store'),
      import('@auths/git-store/identity-document'),
    ]);
  if (options.create !== true && !homeExists(context.home)) throw noIdentity(context.home);
  const home = options.create === true ? createHome(context.home) : openHome(context.home);
  try {
    return {
      home,
      log: gitEventLog(home),
      attestations: gitAttestationStore(home),
      identity: await readIdentityDocument(home),
      close: () => home.close(),
    };
  } catch (error) {
    await home.close();
    throw error;
  }
}

/** Runs with the stores of a home that has an identity, whatever its role; `identity/none` else. */
export async function withIdentity<T>(
  context: Context,
  action: (stores: Stores & { readonly identity: IdentityDocument }) => Promise<T>,
): Promise<T> {
  const stores = await openStores(context);
  try {
    const { identity } = stores;
    if (identity === null) throw noIdentity(context.home);
    return await action({ ...stores, identity });
  } finally {
    await stores.close();
  }
}

/** The same for what only the authority may do: elsewhere `identity/not-authority`, before anything else is tried. */
export async function withAuthority<T>(
  context: Context,
  what: string,
  action: (stores: Stores & { readonly identity: IdentityDocument }) => Promise<T>,
): Promise<T> {
  return withIdentity(context, async (stores) => {
    if (stores.identity.role !== 'controller') throw notAuthority(what, stores.identity.controller_did);
    return action(stores);
  });
}

/** The secrets of the home. Nothing is asked before the first secret is read or written. */
export async function openKeys(
  context: Context,
  options: { readonly newPassphrase?: boolean } = {},
): Promise<KeyStore> {
  const { chooseKeyStore, parseKeychainKind } = await import('@auths/key-store/choose');
  const kind = parseKeychainKind(context.env['AUTHS_KEYCHAIN']);
  const fresh = options.newPassphrase === true;
  return chooseKeyStore(kind, context.home, () =>
    context.terminal.passphrase(fresh ? NEW_PASSPHRASE : 'Passphrase of this home', { twice: fresh }),
  );
}

/** Before a home is made: its passphrase is chosen, so that whoever ends the question leaves nothing behind. */
export async function passphraseFirst(context: Context): Promise<void> {
  await openKeys(context);
  if ((await keychainKind(context)) !== 'file' || existsSync(join(context.home, 'keys.enc'))) return;
  await context.terminal.passphrase(NEW_PASSPHRASE, { twice: true });
}

/** `os`, `file` or `memory`, as the environment says. */
export async function keychainKind(context: Context): Promise<'os' | 'file' | 'memory'> {
  const { parseKeychainKind } = await import('@auths/key-store/choose');
  return parseKeychainKind(context.env['AUTHS_KEYCHAIN']);
}

/** The seed under an alias as a signer; `key/not-found` when this home does not hold it. */
export async function signerFor(
  context: Context,
  keys: KeyStore,
  alias: string,
): Promise<import('@auths/core/ports').Signer> {
  const { createSigner } = await import('@auths/key-store/signer');
  const secret = await keys.get(alias);
  if (secret === null) throw await lostKey(context, alias);
  const signer = createSigner(secret.bytes);
  secret.bytes.fill(0);
  return signer;
}

/** A key that this home had and its key store does not hold: nothing else in the home brings it back. */
export async function lostKey(context: Context, alias: string): Promise<AuthsError<'key/not-found'>> {
  const [{ lostKeysHint }, { readIdentityView }] = await Promise.all([
    import('@auths/key-store/key-file'),
    import('./home/identity-view.ts'),
  ]);
  const view = await readIdentityView(context.home).catch(() => null);
  return new AuthsError('key/not-found', `${join(context.home, 'keys.enc')} holds no key "${alias}"`, {
    hint: lostKeysHint(context.home, view?.role),
    details: { alias },
  });
}

/** Where the files beside the refs lie. */
export function homeFiles(home: string): {
  readonly kit: string;
  readonly devicePub: string;
  readonly allowedSigners: string;
  readonly wrapper: string;
  readonly agentSocket: string;
} {
  return {
    kit: join(home, 'recovery-kit.json'),
    devicePub: join(home, 'device.pub'),
    allowedSigners: join(home, 'allowed_signers'),
    wrapper: join(home, 'bin', 'auths-ssh-sign'),
    agentSocket: join(home, 'agent.sock'),
  };
}

/** `identity/none`; where a home is damaged or cannot be looked into, that, because `init` is no way out of it. */
export function noIdentity(home: string): AuthsError {
  return (
    whyNoHome(home) ??
    lostIdentity(home) ??
    new AuthsError('identity/none', `there is no identity in ${home}`, {
      hint: 'auths init, or auths pair --join CODE to add this device to an identity that you have',
    })
  );
}

function notAuthority(what: string, did: DidKeri): AuthsError<'identity/not-authority'> {
  return new AuthsError(
    'identity/not-authority',
    `${what} needs the identity key, which this device does not hold`,
    {
      hint: `run it on the device where ${did} was created`,
      details: { controller_did: did },
    },
  );
}
