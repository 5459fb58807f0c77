/** Good inputs that the product's own builders make: what the mutations start from. */
import { concat } from '../../packages/core/src/encoding/bytes.ts';
import { utf8 } from '../../packages/core/src/encoding/text.ts';
import { sshSignedBytes, armorSshSignature } from '../../packages/core/src/commit/sshsig.ts';
import { signEd25519 } from '../../packages/core/src/crypto/ed25519.ts';
import { fromLatin1 } from '../../packages/core/src/encoding/text.ts';
import { nodeDigests } from '../../packages/git-store/src/git-history.ts';
import {
  messageOf,
  PaperIdentity,
  paperKey,
  type PaperKey,
} from '../../packages/testing/src/paper-identity.ts';

/** The device that the sample identities attest. */
export const device: PaperKey = paperKey(77);
export const otherDevice: PaperKey = paperKey(78);

/** An identity with a device, an extension, an anchor, a rotation and a revocation. */
function lively(fill = 1): PaperIdentity {
  const identity = new PaperIdentity(fill);
  const link = identity.link(device);
  identity.extend(link, { capabilities: ['sign_commit'], name: 'büro' });
  identity.anchor([{ oid: 'ab'.repeat(20), blake3: 'cd'.repeat(32) }]);
  identity.rotate();
  const lost = identity.link(otherDevice, { name: 'phone', expiresAt: 1_800_000_000_000 });
  identity.revoke(lost, 'lost', [{ oid: 'ab'.repeat(20), blake3: 'cd'.repeat(32) }]);
  return identity;
}

export const identities: readonly PaperIdentity[] = [lively(1), lively(31), new PaperIdentity(61)];

/** Whole logs, single messages, and two logs in one stream. */
export const streams: readonly Uint8Array[] = [
  ...identities.map(({ stream }) => stream),
  ...(identities[0] as PaperIdentity).events.map(messageOf),
  concat((identities[0] as PaperIdentity).stream, (identities[1] as PaperIdentity).stream),
];

export const records: readonly Uint8Array[] = identities.flatMap((identity) =>
  identity.records.map(({ bytes }) => bytes),
);

const HEAD = `tree ${'a1'.repeat(20)}
parent ${'b2'.repeat(20)}
author Ann Author <ann@example.com> 1772323200 +0000
committer Carl Committer <carl@example.com> 1772323200 +0000
`;
const MERGETAG = `mergetag object ${'c3'.repeat(20)}
 type commit
 tag v1
 tagger A <a@b> 1 +0000
${' '}
 text
`;

/** The armored signature of these bytes by a device, in a namespace. */
function armorOf(key: PaperKey, message: Uint8Array, namespace = 'git'): Uint8Array {
  const signature = signEd25519(key.seed, sshSignedBytes(nodeDigests, namespace, 'sha512', message));
  return armorSshSignature({ publicKey: key.publicKey, namespace, hash: 'sha512', signature });
}

/** A commit that this device signed. */
export function signedCommit(
  key: PaperKey = device,
  head: string = HEAD,
  message = 'change\n\nbecause\n',
): Uint8Array {
  const armor = fromLatin1(armorOf(key, utf8(`${head}\n${message}`))).trimEnd();
  return utf8(`${head}gpgsig ${armor.replaceAll('\n', '\n ')}\n\n${message}`);
}

export const commits: readonly Uint8Array[] = [
  signedCommit(),
  signedCommit(otherDevice, `${HEAD}${MERGETAG}encoding latin1\n`, 'merge\n'),
  utf8(`${HEAD}\nunsigned\n`),
];

const TAG = `object ${'d4'.repeat(20)}
type commit
tag v1.0.0
tagger Ann Author <ann@example.com> 1772323200 +0000

release
`;
export const tags: readonly Uint8Array[] = [concat(utf8(TAG), armorOf(device, utf8(TAG))), utf8(TAG)];
export const armors: readonly Uint8Array[] = [
  armorOf(device, utf8('x')),
  armorOf(device, utf8('y'), 'auths-artifact'),
];
