/** `auths devices request`: this machine asks an identity for a place, in a file, and takes the answer in. No network. */
import { cleanDeviceName } from '@auths/core/attestation/attestation';
import { CAPABILITIES, parseCapabilityList } from '@auths/core/attestation/capability';
import { fromUtf8, utf8 } from '@auths/core/encoding/text';
import { AuthsError, hasCode } from '@auths/core/errors';
import { MAX_ANSWER } from '@auths/core/flows/device-answer';
import { isBundle, parseBundle, type IdentityBundle } from '@auths/core/flows/identity-bundle';
import { requestDevice, takeAnswer, type RequestPorts } from '@auths/core/flows/take-answer';
import { didKeriOf, isDidKeri, type DidKeri } from '@auths/core/identifiers';
import { gitDisputes } from '@auths/git-store/remote-disputes';
import { openJournal } from '@auths/key-store/journal';
import { recordMachine } from '@auths/key-store/machine';
import { defineCommand, type CommandResult, type CommandSpec, type Context } from '../command.ts';
import { openKeys, openStores, passphraseFirst, type Stores } from '../composition.ts';
import { verifyEngine } from '../engines.ts';
import { parseMoment } from '../duration.ts';
import { planGit } from '../git-scope.ts';
import { writeAllowedSigners } from '../home/device-files.ts';
import { makeHomeFolder } from '../home/home-folder.ts';
import { withInitLock } from '../home/home-lock.ts';
import { naming, readInput } from '../input-file.ts';
import { requireNewFile, writeNewFile } from '../output-file.ts';
import { joinerHome } from '../pairing/joiner-home.ts';
import { setUpDevice } from '../pairing/joined-device.ts';
import { nativeCrypto } from '../pairing/native-crypto.ts';
import { OWN_REQUEST, parseOwnRequest } from '../pairing/own-request.ts';
import { joinerPairedText, shellWord } from '../views/pair.ts';
import { defaultDeviceName } from './init.ts';

const MAX_IDENTITY = 64 << 20;

export const devicesRequest: CommandSpec = defineCommand({
  examples: [
    {
      command: 'auths devices request desk.request --identity did:keri:E…',
      what: 'carry the file to the machine that holds that identity',
    },
    {
      command: 'auths devices request --answer desk.request.answer',
      what: 'what auths devices accept made of it there',
    },
  ],
  flags: {
    identity: {
      kind: 'value',
      hint: 'DID',
      summary: 'whose device this becomes: a did:keri, or a file of auths id export',
    },
    name: { kind: 'value', hint: 'NAME', summary: 'name of this device (default: the host name)' },
    capabilities: { kind: 'value', hint: 'LIST', summary: 'what it asks for (default sign_commit)' },
    'device-expires': {
      kind: 'value',
      hint: 'DURATION',
      summary: '90d, or a time: until then it asks for a place',
    },
    answer: { kind: 'value', hint: 'F', summary: 'take in the answer in F (- is stdin)' },
    git: {
      kind: 'value',
      hint: 'SCOPE',
      choices: ['local', 'global', 'none'],
      summary: 'with --answer: set git up to sign here (default none)',
    },
  },
  arguments: [
    { name: 'FILE', summary: 'where the request goes, a new file, or - for stdout', required: false },
  ],
  more: 'Compare the fingerprint with what the other machine shows: it is all that tells this request from another one.',
  async run(context, { flags, words }) {
    const [file] = words;
    if (flags.answer !== undefined) {
      if (file !== undefined)
        throw usage('--answer takes an answer in, FILE makes a request: give one of them');
      const git = flags.git ?? 'none';
      if (git !== 'none') await planGit(context, git, CAPABILITIES);
      return finish(context, flags.answer, git);
    }
    if (file === undefined) throw usage('a request needs a FILE to go to');
    const { controllerDid, bundle } = await identityOf(context, flags.identity);
    await requireNewFile(context, file);
    const now = context.clock.now();
    const expires = flags['device-expires'];
    const wish = {
      controllerDid,
      name: cleanDeviceName(flags.name ?? defaultDeviceName()),
      capabilities: parseCapabilityList(flags.capabilities ?? 'sign_commit'),
      ...(expires === undefined
        ? {}
        : { expiresInMs: lifeOf(parseMoment(expires, now, '--device-expires') - now) }),
    };
    return inHome(context, async (ports, stores) => {
      const shown = bundle === null ? null : { ...bundle, disputes: gitDisputes(stores.home) };
      const made = await requestDevice(ports, wish, shown);
      if (shown !== null && stores.identity !== null) await writeAllowedSigners(stores.home, controllerDid);
      // The file first: one that cannot be written leaves the request before it, and its answer, good.
      const path = await writeNewFile(context, file, made.file);
      await openJournal(context.home).write(OWN_REQUEST, { v: 1, request: fromUtf8(made.file) });
      const data = {
        controller_did: controllerDid,
        device_did: made.deviceDid,
        device_name: wish.name,
        capabilities: wish.capabilities,
        fingerprint: made.fingerprint,
        file: path,
        ...(path === null ? { request: fromUtf8(made.file) } : {}),
      };
      if (path === null) {
        context.note(`fingerprint of this request: ${made.fingerprint}`);
        return { data, text: fromUtf8(made.file) };
      }
      const text = [
        `the request is in ${path}`,
        `fingerprint: ${context.style.bold(made.fingerprint)}`,
        `next: carry it to the machine that holds ${controllerDid}; there: auths devices accept ${shellWord(file)}`,
        'then bring the answer back; here: auths devices request --answer FILE',
      ].join('\n');
      return { data, text };
    });
  },
});

async function finish(
  context: Context,
  file: string,
  git: 'local' | 'global' | 'none',
): Promise<CommandResult> {
  const answer = await readInput(
    context,
    file,
    MAX_ANSWER,
    'an answer is made where the identity is: auths devices accept REQUEST',
  );
  const request = await openJournal(context.home).read(OWN_REQUEST, parseOwnRequest);
  if (request === null) {
    throw new AuthsError('identity/none', `this home (${context.home}) has asked for nothing`, {
      hint: 'auths devices request FILE --identity did:keri:E…',
    });
  }
  return inHome(context, async (ports, stores) => {
    const link = await naming(file, () => takeAnswer(ports, utf8(request), answer));
    const { issuer: controllerDid, subject: deviceDid, name: deviceName, capabilities } = link;
    const { publicKey } = await ports.home.deviceKey({ renew: false });
    const scope = await setUpDevice(context, stores, {
      publicKey,
      deviceName,
      controllerDid,
      capabilities,
      git,
    });
    const view = {
      deviceName,
      deviceDid,
      controllerDid,
      capabilities,
      expiresAt: link.expires_at ?? null,
      git: scope,
      already: false,
    };
    return {
      data: {
        controller_did: controllerDid,
        device_did: deviceDid,
        device_name: deviceName,
        attestation: link,
        git: scope,
      },
      text: joinerPairedText(view, context.style),
    };
  });
}

/** The home of the device, made when there is none, for one process at a time. */
async function inHome(
  context: Context,
  action: (ports: RequestPorts, stores: Stores) => Promise<CommandResult>,
): Promise<CommandResult> {
  await passphraseFirst(context);
  makeHomeFolder(context.home);
  return withInitLock(context.home, async () => {
    const stores = await openStores(context, { create: true });
    try {
      const fresh = (await (await openKeys(context)).list()).length === 0;
      const keys = await openKeys(context, { newPassphrase: fresh });
      if (stores.identity === null) await recordMachine(context.home);
      const { clock, random } = context;
      const home = joinerHome({ stores, keys, random, clock });
      return await action({ clock, random, engine: verifyEngine, ...nativeCrypto, home }, stores);
    } finally {
      await stores.close();
    }
  });
}

interface NamedIdentity {
  readonly controllerDid: DidKeri;
  /** Null where only the did:keri was given. */
  readonly bundle: IdentityBundle | null;
}

async function identityOf(context: Context, given: string | undefined): Promise<NamedIdentity> {
  if (given === undefined) {
    throw new AuthsError('usage/missing-answer', 'whose device shall this become?', {
      hint: 'give --identity did:keri:E… (auths whoami shows it there), or a file of auths id export',
      details: { flag: '--identity' },
    });
  }
  if (isDidKeri(given)) return { controllerDid: given, bundle: null };
  if (given.startsWith('did:'))
    throw usage(`--identity takes a whole did:keri:E…, and ${given.slice(0, 100)} is none`);
  const bytes = await readInput(context, given, MAX_IDENTITY);
  try {
    if (isBundle(bytes)) {
      const bundle = parseBundle(bytes, verifyEngine);
      return { controllerDid: didKeriOf(bundle.prefix), bundle };
    }
  } catch (error) {
    if (!hasCode(error, 'input/malformed')) throw error;
    throw usage(`--identity ${given}: ${error.message}`);
  }
  throw usage(`--identity ${given} is neither a did:keri nor a file of auths id export`);
}

function lifeOf(ms: number): number {
  if (ms > 0) return ms;
  throw usage('--device-expires is over already');
}

function usage(message: string): AuthsError<'usage/invalid'> {
  return new AuthsError('usage/invalid', message, { hint: 'auths devices request --help' });
}
