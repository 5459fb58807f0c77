/**
 * `auths-sign`: what git calls where no agent runs, with ssh-keygen's arguments
 *   -Y sign -n NAMESPACE -f KEYFILE [-U] [BUFFER]
 * It signs only while this device's attestation is active now, and says one line when it cannot
 * (storage-and-verification.md 4). Its own small bundle: it stands on the path of every commit.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes } from '@auths/core/encoding/bytes';
import { armorSshSignature, parseSshPublicKey, sshSignedBytes } from '@auths/core/commit/sshsig';
import { AuthsError, hasCode } from '@auths/core/errors';
import { chooseKeyStore, parseKeychainKind } from '@auths/key-store/choose';
import { createSigner } from '@auths/key-store/signer';
import { exitCodeOf, toAuthsError } from './output.ts';
import { askOnTty } from './tty-prompt.ts';
import { homePlace } from './home/home-place.ts';
import { readDeviceKey } from './home/device-key.ts';
import { statusOf } from './home/home-report.ts';
import { readIdentityView, type DeviceView } from './home/identity-view.ts';
import { workingFolder } from './working-folder.ts';

/** What a signature of this device may be for. */
const NAMESPACES = ['git', 'auths-artifact'];

interface Request {
  readonly namespace: string;
  readonly keyFile: string;
  /** Null: the payload is stdin and the signature goes to stdout. */
  readonly buffer: string | null;
}

void main().catch((error: unknown) => {
  const told = toAuthsError(error);
  const hint = told.hint === undefined ? '' : ` (${told.hint})`;
  process.stderr.write(`auths-sign: ${told.message}${hint}\n`);
  process.exit(exitCodeOf(told));
});

async function main(): Promise<void> {
  const request = readRequest(process.argv.slice(2));
  const home = homePlace(process.env, workingFolder(process));
  const payload = new Uint8Array(readFileSync(request.buffer ?? 0));
  const publicKey = requestedKey(request.keyFile, home);
  const device = await requireActiveDevice(home);
  requireCapability(device, request.namespace, payload);
  const signature = await sign(home, publicKey, request.namespace, payload);
  if (request.buffer === null) process.stdout.write(signature);
  else writeBeside(`${request.buffer}.sig`, signature);
}

function readRequest(argv: readonly string[]): Request {
  let namespace = '';
  let keyFile = '';
  let buffer: string | null = null;
  const mode = argv[0] === '-Y' && argv[1] === 'sign';
  for (let i = 2; i < argv.length; i++) {
    const word = argv[i] as string;
    if (word === '-n') namespace = argv[++i] ?? '';
    else if (word === '-f') keyFile = argv[++i] ?? '';
    // -U: the key is held by an agent; here the key store is what an agent would be.
    else if (word === '-U' || word === '-q') continue;
    else if (word.startsWith('-') || buffer !== null) throw usage();
    else buffer = word;
  }
  if (!mode || keyFile === '') throw usage();
  if (!NAMESPACES.includes(namespace)) {
    throw new AuthsError(
      'usage/invalid',
      `this device signs for ${NAMESPACES.join(' and ')} only, not for "${namespace.slice(0, 40)}"`,
    );
  }
  return { namespace, keyFile, buffer };
}

function usage(): AuthsError {
  return new AuthsError('usage/invalid', 'usage: auths-sign -Y sign -n git -f KEYFILE [-U] [BUFFER]', {
    hint: 'git calls this program; auths git setup tells it to',
  });
}

/** The key that git asked for; it must be the one that this home can sign with. */
function requestedKey(keyFile: string, home: string): Uint8Array {
  const device = readDeviceKey(home);
  if (device === null) {
    throw new AuthsError('key/not-found', `there is no device key in ${home}`, {
      hint: 'auths init, or auths pair --join CODE',
      details: { alias: 'device' },
    });
  }
  let asked: Uint8Array;
  try {
    asked = parseSshPublicKey(readFileSync(keyFile, 'utf8'));
  } catch (cause) {
    if (hasCode(cause, 'input/malformed')) {
      throw new AuthsError('key/not-found', `${keyFile} is not the public key of this device`, {
        hint: 'auths git setup',
        details: { alias: 'device' },
        cause,
      });
    }
    throw cause;
  }
  if (!equalBytes(asked, device.publicKey)) {
    throw new AuthsError(
      'key/not-found',
      `git asks for another key than the one of this device (user.signingkey)`,
      {
        hint: 'auths git setup',
        details: { alias: 'device' },
      },
    );
  }
  return device.publicKey;
}

/** What a verifier would say of this device now; a signature that nobody accepts is not made. */
async function requireActiveDevice(home: string): Promise<DeviceView> {
  const did = readDeviceKey(home)?.did;
  const view = await readIdentityView(home);
  if (view === null)
    throw new AuthsError('identity/none', `there is no identity in ${home}`, { hint: 'auths init' });
  const device = view.devices.find((each) => each.did === did);
  if (device === undefined) {
    throw new AuthsError('device/not-found', 'the identity does not know this device yet', {
      hint: 'auths pair --join CODE once more, or auths doctor',
      details: { device: did ?? '' },
    });
  }
  const status = statusOf(device, Date.now());
  const details = { device: device.did };
  if (status === 'revoked') {
    throw new AuthsError(
      'device/revoked',
      `this device was revoked (${device.reason ?? 'no reason given'})`,
      {
        hint: 'auths pair --join CODE makes a new device key',
        details,
      },
    );
  }
  if (status === 'expired') {
    throw new AuthsError(
      'device/expired',
      `the attestation of this device expired at ${device.expiresAt ?? ''}`,
      {
        hint: `on the authority: auths devices extend ${device.name} --expires 90d`,
        details,
      },
    );
  }
  if (status !== 'active') {
    throw new AuthsError('attestation/invalid', `this device counts for nothing: ${device.fault ?? status}`, {
      hint: 'auths doctor',
    });
  }
  return device;
}

/** Commits, tags and push certificates begin with their first header; the verifier enforces the same by object type. */
function requireCapability(device: DeviceView, namespace: string, payload: Uint8Array): void {
  const head = Buffer.from(payload.subarray(0, 7)).toString('latin1');
  const needed =
    namespace === 'auths-artifact'
      ? 'sign_release'
      : head === 'object '
        ? 'sign_tag'
        : head.startsWith('tree ') || head === 'certifi'
          ? 'sign_commit'
          : null;
  if (needed === null || device.capabilities.includes(needed)) return;
  throw new AuthsError(
    'attestation/invalid',
    `this device may not do that: it lacks the capability ${needed}`,
    {
      hint: 'pair it again with more --capabilities',
    },
  );
}

async function sign(
  home: string,
  publicKey: Uint8Array,
  namespace: string,
  payload: Uint8Array,
): Promise<Uint8Array> {
  const kind = parseKeychainKind(process.env['AUTHS_KEYCHAIN']);
  const keys = chooseKeyStore(kind, home, askPassphrase);
  const secret = await keys.get('device');
  if (secret === null) {
    throw new AuthsError('key/not-found', `the device key is not in the key store of ${home}`, {
      hint: 'auths doctor',
      details: { alias: 'device' },
    });
  }
  const signer = createSigner(secret.bytes);
  secret.bytes.fill(0);
  if (!equalBytes(signer.publicKey, publicKey)) {
    throw new AuthsError('storage/corrupt', 'device.pub is not the public half of the device key', {
      hint: 'auths doctor --fix',
      details: { path: join(home, 'device.pub') },
    });
  }
  const digests = { sha1: digest('sha1'), sha256: digest('sha256'), sha512: digest('sha512') };
  const signature = await signer.sign(sshSignedBytes(digests, namespace, 'sha512', payload));
  return armorSshSignature({ publicKey, namespace, hash: 'sha512', signature });
}

function digest(name: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => new Uint8Array(createHash(name).update(bytes).digest());
}

async function askPassphrase(): Promise<string> {
  const set = process.env['AUTHS_PASSPHRASE'];
  if (set !== undefined && set !== '') return set;
  const typed = await askOnTty('Passphrase of this home: ');
  if (typed !== null && typed !== '') return typed;
  throw new AuthsError('key/passphrase-required', 'the device key is locked and there is nobody to ask', {
    hint: 'set AUTHS_PASSPHRASE, or run git on a terminal',
  });
}

/** Temp and rename: writing in place would follow a link that somebody planted. */
function writeBeside(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${randomBytes(9).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // The first error is the one to tell.
    }
    throw error;
  }
}
