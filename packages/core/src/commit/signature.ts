/** The first half of a judgement: what an object carries, and whether its signature is one (storage-and-verification.md 6). */
import { GIT_NAMESPACE } from '../crypto/domains.ts';
import { verifyEd25519, verifyEd25519Later } from '../crypto/verify-ed25519.ts';
import { encodeDidKey } from '../encoding/did-key.ts';
import type { DidKey } from '../identifiers.ts';
import type { VerifyEngine } from '../ports.ts';
import type { Digests, ObjectFormat } from './digests.ts';
import { parseCommit, parseTag } from './object.ts';
import type { GitObject, SignedType } from './object.ts';
import { parseSshSignature, SSH_ARMOR_BEGIN, sshSignedBytes } from './sshsig.ts';
import type { SshSignature } from './sshsig.ts';
import type { Check } from './verdict.ts';

/** A signature that verifies, and the device key that made it. */
export interface SignedObject {
  readonly kind: 'signed';
  readonly object: GitObject;
  readonly device: DidKey;
  readonly checks: readonly Check[];
}

export interface NotSigned {
  readonly kind: 'malformed' | 'unsigned' | 'unsupported-signature' | 'bad-signature';
  /** null when malformed. */
  readonly object: GitObject | null;
  /** The key that a bad signature names, when it can be read. */
  readonly device: DidKey | null;
  readonly checks: readonly Check[];
  readonly hint: string | null;
}

export interface SignatureTools {
  readonly engine: VerifyEngine;
  readonly digests: Digests;
}

/** Reads an object and checks its own signature; whose device that is, is not asked. `bytes` must be those of the object's id. Never throws. */
export function readSignature(
  { engine, digests }: SignatureTools,
  type: SignedType,
  bytes: Uint8Array,
  format: ObjectFormat,
): SignedObject | NotSigned {
  const read = takeApart(type, bytes, format);
  if (read.kind !== 'claimed') return read;
  const { publicKey, signature } = read.ssh;
  return conclude(
    read,
    fits(read) && verifyEd25519(engine, publicKey, signedBytes(digests, read), signature),
  );
}

/** The same, with the equation worked out beside this thread where the engine can do that. */
export async function readSignatureLater(
  { engine, digests }: SignatureTools,
  type: SignedType,
  bytes: Uint8Array,
  format: ObjectFormat,
): Promise<SignedObject | NotSigned> {
  const read = takeApart(type, bytes, format);
  if (read.kind !== 'claimed') return read;
  const { publicKey, signature } = read.ssh;
  return conclude(
    read,
    fits(read) && (await verifyEd25519Later(engine, publicKey, signedBytes(digests, read), signature)),
  );
}

/** An object with one SSH signature that has not been checked. */
interface ClaimedObject {
  readonly kind: 'claimed';
  readonly object: GitObject;
  readonly ssh: SshSignature;
  readonly payload: Uint8Array;
}

function takeApart(type: SignedType, bytes: Uint8Array, format: ObjectFormat): ClaimedObject | NotSigned {
  const parsed = type === 'commit' ? parseCommit(bytes, format) : parseTag(bytes, format);
  if (parsed.kind === 'malformed') return refused('malformed', null, [failed('object', parsed.why)]);
  const { object } = parsed;
  const { signature } = object;
  if (signature === null) {
    return refused(
      'unsigned',
      object,
      [failed('signature', `the ${type} carries no signature`)],
      UNSIGNED_HINT,
    );
  }
  if (!signature.armor.startsWith(`${SSH_ARMOR_BEGIN}\n`)) {
    const first = signature.armor.slice(0, 64).split('\n', 1)[0] as string;
    return /^-----BEGIN (?:PGP|SIGNED) (?:SIGNATURE|MESSAGE)-----$/.test(first)
      ? refused(
          'unsupported-signature',
          object,
          [failed('signature', 'a PGP or X.509 signature, not one by a device')],
          UNSIGNED_HINT,
        )
      : refused('bad-signature', object, [failed('signature', 'not an SSH signature')]);
  }
  const ssh = parseSshSignature(signature.armor);
  if (ssh.kind !== 'ok') {
    return ssh.kind === 'unsupported'
      ? refused('unsupported-signature', object, [failed('signature', ssh.why)], UNSIGNED_HINT)
      : refused('bad-signature', object, [failed('signature', ssh.why)]);
  }
  return { kind: 'claimed', object, ssh: ssh.signature, payload: signature.payload };
}

/** A signature for another namespace is none for git, whatever it covers. */
function fits({ ssh }: ClaimedObject): boolean {
  return ssh.namespace === GIT_NAMESPACE;
}

function signedBytes(digests: Digests, { ssh, payload }: ClaimedObject): Uint8Array {
  return sshSignedBytes(digests, GIT_NAMESPACE, ssh.hash, payload);
}

function conclude({ object, ssh }: ClaimedObject, holds: boolean): SignedObject | NotSigned {
  const device = encodeDidKey(ssh.publicKey);
  if (holds) {
    const checks = [{ step: 'signature', ok: true, detail: `SSH signature by ${device}` }];
    return { kind: 'signed', object, device, checks };
  }
  const why =
    ssh.namespace === GIT_NAMESPACE
      ? 'the signature does not fit these bytes: they were changed after signing, or it was made over others'
      : `made for the namespace "${ssh.namespace.slice(0, 40)}", not for git`;
  return { ...refused('bad-signature', object, [failed('signature', why)]), device };
}

const UNSIGNED_HINT = 'set signing up with: auths git setup';

function failed(step: string, detail: string): Check {
  return { step, ok: false, detail };
}

function refused(
  kind: NotSigned['kind'],
  object: GitObject | null,
  checks: readonly Check[],
  hint: string | null = null,
): NotSigned {
  return { kind, object, device: null, checks, hint };
}
