/** `auths key list`, `show` and `create`. Public halves only; no secret ever leaves the store through here. */
import { toHex } from '@auths/core/encoding/bytes';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { AuthsError } from '@auths/core/errors';
import { formatSshPublicKey } from '@auths/core/commit/sshsig';
import { deviceKey } from '@auths/core/flows/first-keys';
import { createSigner } from '@auths/key-store/signer';
import { defineCommand, type CommandSpec } from '../command.ts';
import { keychainKind, openKeys, openStores } from '../composition.ts';
import { defaultDeviceName } from './init.ts';
import { writeDevicePub } from '../home/device-files.ts';
import { readDeviceKey } from '../home/device-key.ts';
import { makeHomeFolder } from '../home/home-folder.ts';
import { withInitLock } from '../home/home-lock.ts';
import { safeName, table } from '../views/layout.ts';

export const keyList: CommandSpec = defineCommand({
  examples: [{ command: 'auths key list', what: 'aliases and whose keys they are; needs no passphrase' }],
  flags: {},
  arguments: [],
  async run(context) {
    const keys = await openKeys(context);
    const entries = await keys.list();
    return {
      data: { keychain: await keychainKind(context), keys: entries },
      text:
        entries.length === 0
          ? readDeviceKey(context.home) === null
            ? 'no keys here; auths init makes them'
            : 'no keys here, and this home had some: auths doctor'
          : table(entries.map(({ alias, did }) => [safeName(alias), did === null ? '' : safeName(did)])).join(
              '\n',
            ),
    };
  },
});

export const keyShow: CommandSpec = defineCommand({
  examples: [
    { command: 'auths key show', what: 'the public key of this device' },
    { command: 'auths key show identity', what: 'another one, by its alias' },
  ],
  flags: {},
  arguments: [{ name: 'ALIAS', summary: 'device (default) or identity', required: false }],
  async run(context, { words }) {
    const alias = words[0] ?? 'device';
    const known = alias === 'device' ? readDeviceKey(context.home) : null;
    const publicKey = known?.publicKey ?? (await publicHalf(await openKeys(context), alias));
    const did = encodeDidKey(publicKey);
    const ssh = formatSshPublicKey(publicKey);
    return {
      data: { alias, did, public_key: toHex(publicKey), ssh },
      text: table([
        ['did', did],
        ['public key', toHex(publicKey)],
        ['ssh', ssh],
      ]).join('\n'),
    };
  },
});

export const keyCreate: CommandSpec = defineCommand({
  examples: [
    {
      command: 'auths key create',
      what: 'prints the DID for `auths pair --expect-device` on the other machine',
    },
  ],
  flags: {},
  arguments: [],
  async run(context) {
    const there = readDeviceKey(context.home);
    if (there !== null) {
      return {
        data: { device_did: there.did, created: false },
        text: `${there.did}\nthis machine has its device key already; nothing was changed`,
      };
    }
    if ((await keychainKind(context)) === 'file' && context.terminal.passphraseSource() === null) {
      await context.terminal.passphrase('');
    }
    makeHomeFolder(context.home);
    return withInitLock(context.home, async () => {
      const stores = await openStores(context, { create: true });
      await stores.close();
      const fresh = (await (await openKeys(context)).list()).length === 0;
      const keys = await openKeys(context, { newPassphrase: fresh });
      const { publicKey, did } = await deviceKey({ keys, random: context.random, signerOf: createSigner });
      await writeDevicePub(context.home, publicKey, defaultDeviceName());
      return { data: { device_did: did, created: true }, text: did };
    });
  },
});

async function publicHalf(keys: Awaited<ReturnType<typeof openKeys>>, alias: string): Promise<Uint8Array> {
  if (alias !== 'device' && alias !== 'identity') {
    throw new AuthsError('usage/invalid', `there is no key to show as "${alias}"`, {
      hint: 'auths key show device, or auths key show identity',
    });
  }
  const secret = await keys.get(alias);
  if (secret === null) {
    throw new AuthsError('key/not-found', `this home holds no key "${alias}"`, {
      hint: alias === 'device' ? 'auths key create' : 'auths init',
      details: { alias },
    });
  }
  const { publicKey } = createSigner(secret.bytes);
  secret.bytes.fill(0);
  return publicKey;
}
