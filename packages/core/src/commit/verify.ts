/**
 * The verdict on one commit or tag (storage-and-verification.md 6), a pure function over a World and the
 * answers of a History. The order of judgement: exempt; malformed; unsigned or unsupported-signature;
 * bad-signature; then whose signature it is (`judge-signer.ts`) and what that device may (`judge-device.ts`).
 */
import type { ObjectFormat } from './digests.ts';
import type { History } from './history.ts';
import { judgeSigner, settledAnswer } from './judge-signer.ts';
import type { Answer } from './judge-signer.ts';
import type { SignedType } from './object.ts';
import { Past } from './past.ts';
import type { Policy } from './policy.ts';
import { readSignatureLater } from './signature.ts';
import type { ObjectResult } from './verdict.ts';
import type { World } from './world.ts';

/** An object whose id was recomputed from its bytes. */
export interface ObjectToJudge {
  readonly oid: string;
  readonly type: SignedType;
  readonly bytes: Uint8Array;
  readonly format: ObjectFormat;
}

/** Never throws on what objects and evidence say; rejects only when the History does. */
export async function judgeObject(
  world: World,
  history: History,
  subject: ObjectToJudge,
): Promise<ObjectResult> {
  const { policy } = world;
  if ('fault' in policy) {
    const checks = [{ step: 'policy', ok: false, detail: policy.fault }];
    return result(subject, {
      verdict: 'unverifiable',
      checks,
      hint: policy.hint,
    });
  }
  const exemption = exemptsNothing(policy) ? null : await findExemption(policy, history, subject);
  if (exemption !== null) {
    return result(subject, {
      verdict: 'exempt',
      checks: [{ step: 'policy', ok: true, detail: exemption }],
      hint: null,
    });
  }
  const signed = await readSignatureLater(world, subject.type, subject.bytes, subject.format);
  if (signed.kind !== 'signed') {
    return {
      ...result(subject, { verdict: signed.kind, checks: signed.checks, hint: signed.hint }),
      deviceDid: signed.device,
    };
  }
  const { answer, claim } =
    settledAnswer(world, subject.type, signed.device) ??
    (await judgeSigner({
      world,
      past: new Past(history, subject, signed.object.refersTo),
      policy,
      type: subject.type,
      device: signed.device,
    }));
  const device = claim?.counted ?? claim?.all ?? null;
  return {
    ...result(subject, { ...answer, checks: [...signed.checks, ...answer.checks] }),
    controllerDid: claim?.identity.did ?? null,
    deviceDid: signed.device,
    deviceName: device?.name ?? null,
    capabilities: device?.capabilities ?? [],
    asOf: claim?.identity.tip ?? null,
  };
}

/** An object that could not be read, as a result. */
export function unreadableObject(
  oid: string,
  type: string,
  why: 'missing' | 'damaged' | 'too-large' | 'unsupported',
): ObjectResult {
  const detail = {
    missing: 'the object is not here (a shallow or partial clone?)',
    damaged: 'the bytes in the repository are not those of this id',
    'too-large': 'the object is too large to be judged',
    unsupported: `a ${type} carries no signature of its own; commits and tags do`,
  }[why];
  const verdict = why === 'damaged' ? 'malformed' : 'unverifiable';
  return {
    ...result(
      { oid, type },
      {
        verdict,
        checks: [{ step: 'object', ok: false, detail }],
        hint: why === 'missing' ? 'git fetch --unshallow' : null,
      },
    ),
    suppliable: why === 'missing',
  };
}

function exemptsNothing({ exceptions, since }: Policy): boolean {
  return exceptions.length === 0 && since === null;
}

async function findExemption(
  policy: Policy,
  history: History,
  subject: ObjectToJudge,
): Promise<string | null> {
  const exception = policy.exceptions.find((one) => one.oid === subject.oid);
  if (exception !== undefined) return `an exception of the policy: ${exception.why}`;
  if (policy.since !== null && (await new Past(history, subject, []).isWithin([policy.since]))) {
    return `from before signing began here (since ${policy.since.slice(0, 12)})`;
  }
  return null;
}

function result(subject: { readonly oid: string; readonly type: string }, answer: Answer): ObjectResult {
  return {
    object: subject.oid,
    type: subject.type,
    verdict: answer.verdict,
    controllerDid: null,
    deviceDid: null,
    deviceName: null,
    capabilities: [],
    asOf: null,
    freshness: 'unknown',
    checks: answer.checks,
    hint: answer.hint,
    suppliable: answer.suppliable ?? false,
  };
}
