/**
 * Whose signature it is (storage-and-verification.md 6): unknown-device, or unverifiable while a root's log
 * is missing; kel-invalid; duplicity; attestation-invalid; attestation-unanchored; untrusted-root;
 * granted-in-proposal; and then what the device may.
 */
import type { DeviceState } from '../attestation/device-state.ts';
import type { DidKey } from '../identifiers.ts';
import { judgeDevice } from './judge-device.ts';
import type { DeviceAnswer } from './judge-device.ts';
import type { SignedType } from './object.ts';
import type { Past } from './past.ts';
import type { Policy } from './policy.ts';
import type { Root } from './roots.ts';
import { classOf, FAILING_VERDICTS } from './verdict.ts';
import type { Check, Verdict } from './verdict.ts';
import type { DeviceClaim, World } from './world.ts';

export interface SignerQuestion {
  readonly world: World;
  readonly past: Past;
  readonly policy: Policy;
  readonly type: SignedType;
  /** Whose signature it is. */
  readonly device: DidKey;
}

export interface Answer extends DeviceAnswer {
  /** For `unverifiable`: whether a network could supply what is missing. */
  readonly suppliable?: boolean;
}

export interface SignerAnswer {
  /** The claim that decided; null when nobody claims the key. */
  readonly claim: DeviceClaim | null;
  readonly answer: Answer;
}

/** What is settled for every object of this type by this device, once the first was judged; null where that depends on the object. */
export function settledAnswer(world: World, type: SignedType, device: DidKey): SignerAnswer | null {
  return settled.get(world)?.get(`${type} ${device}`) ?? null;
}

const settled = new WeakMap<World, Map<string, SignerAnswer>>();

/** Judges; an answer that asked nothing of the object's history is settled. */
export async function judgeSigner(one: SignerQuestion): Promise<SignerAnswer> {
  const { world, type, device, past } = one;
  const found = await judgeClaims(one);
  if (!past.isAsked) {
    const known = settled.get(world) ?? new Map<string, SignerAnswer>();
    settled.set(world, known.set(`${type} ${device}`, found));
  }
  return found;
}

/** Each root that attests the key is judged alone, and the best answer counts; but a key that one of them calls compromised is compromised for all. */
async function judgeClaims(one: SignerQuestion): Promise<SignerAnswer> {
  const claims = one.world.claims(one.device);
  if (claims.length === 0) return { claim: null, answer: unknownDevice(one.world, one.device) };
  const trusted = claims.filter((claim) => rootOf(one.world, claim) !== undefined);
  const answers: (SignerAnswer & { readonly claim: DeviceClaim })[] = [];
  for (const claim of trusted.length > 0 ? trusted : claims) {
    answers.push({ claim, answer: await judgeClaim(one, claim) });
  }
  answers.sort((a, b) => rank(b.answer.verdict) - rank(a.answer.verdict));
  const compromised = answers.find(
    ({ answer, claim }) => isCompromised(claim) && !['passed', 'noted'].includes(classOf(answer.verdict)),
  );
  return compromised ?? (answers[0] as SignerAnswer);
}

async function judgeClaim(one: SignerQuestion, claim: DeviceClaim): Promise<Answer> {
  const checks: Check[] = [];
  const refusal = judgeLog(one, claim) ?? judgeAttestation(claim) ?? (await judgeRoot(one, claim));
  if (refusal !== null) return refusal;
  const { identity } = claim;
  const state = (one.policy.grants === 'proposal' ? claim.all : claim.counted) ?? null;
  checks.push({
    step: 'kel',
    ok: true,
    detail: `log of ${identity.did} up to s=${identity.tip?.sequence ?? 0}`,
  });
  if (state === null) return grantedInProposal(checks);
  checks.push({
    step: 'attestation',
    ok: true,
    detail: `"${state.name}" linked at s=${state.linkedAt.sequence}`,
  });
  checks.push({ step: 'root', ok: true, detail: `${identity.did} is trusted here` });
  const answer = await judgeState(one, claim, state);
  const { all } = claim;
  if (classOf(answer.verdict) === 'failed' && all !== null && differs(all, state)) {
    const otherwise = await judgeState(one, claim, all);
    if (['passed', 'noted'].includes(classOf(otherwise.verdict))) return grantedInProposal(checks);
  }
  const suppliable = answer.verdict === 'unverifiable' && answer.hint !== null;
  return { ...answer, checks: [...checks, ...answer.checks], suppliable };
}

function judgeState(one: SignerQuestion, claim: DeviceClaim, device: DeviceState): Promise<DeviceAnswer> {
  const { world, past, policy, type } = one;
  const fold = policy.grants === 'proposal' ? claim.identity.all : claim.identity.counted;
  const { receipts } = claim.identity;
  const { now, rubbish } = world;
  return judgeDevice({ type, device, fold, receipts, policy, past, now, rubbish });
}

function judgeLog({ world }: SignerQuestion, { identity, all }: DeviceClaim): Answer | null {
  if (identity.status === 'kel-invalid') {
    return refuse('kel-invalid', 'kel', identity.why ?? `the log of ${identity.did} does not verify`);
  }
  if (identity.status === 'duplicity' && all !== null && all.linkedAt.sequence >= (identity.forkAt ?? 0)) {
    return refuse(
      'duplicity',
      'kel',
      `the log of ${identity.did} exists in two versions from s=${identity.forkAt ?? 0}`,
    );
  }
  if (identity.status === 'missing' && world.roots.some(({ did }) => did === identity.did)) {
    const answer = refuse(
      'unverifiable',
      'kel',
      identity.why ?? `the log of ${identity.did} is not here`,
      FETCH_HINT,
    );
    return { ...answer, suppliable: true };
  }
  return null;
}

/** Only where no sealed link attests the key does a link that does not count matter. */
function judgeAttestation({ identity, counted, all, refused }: DeviceClaim): Answer | null {
  const state = counted ?? all;
  if (state !== null)
    return state.fault === null ? null : refuse('attestation-invalid', 'attestation', state.fault);
  if (identity.status === 'missing' || refused === null) return null;
  return refuse(
    refused.why === 'unanchored' ? 'attestation-unanchored' : 'attestation-invalid',
    'attestation',
    refused.detail,
  );
}

async function judgeRoot(one: SignerQuestion, claim: DeviceClaim): Promise<Answer | null> {
  const root = rootOf(one.world, claim);
  const { did } = claim.identity;
  if (root === undefined) {
    return refuse(
      'untrusted-root',
      'root',
      `${did} is not among the roots`,
      `trust it with: auths verify --root ${did}`,
    );
  }
  if (root.until === null || (one.type === 'commit' && (await one.past.isWithin([root.until])))) return null;
  return refuse('untrusted-root', 'root', `${did} is trusted only until ${root.until.slice(0, 12)}`);
}

function grantedInProposal(checks: readonly Check[]): Answer {
  const detail = 'the grant stands only in what is being proposed, not in the base';
  return {
    verdict: 'granted-in-proposal',
    checks: [...checks, { step: 'grant', ok: false, detail }],
    hint: 'bring the grant to the base first, or publish it: auths push',
  };
}

/** No claim at all. While a root's log is missing, the key may be one of its devices. */
function unknownDevice(world: World, device: DidKey): Answer {
  const missing = world.roots.find(({ did }) => world.identity(did).status === 'missing');
  if (missing !== undefined) {
    const why = world.identity(missing.did).why ?? `the log of ${missing.did} is not here`;
    return { ...refuse('unverifiable', 'kel', why, FETCH_HINT), suppliable: true };
  }
  const lost = world.roots.flatMap(({ did }) => world.identity(did).counted.missing);
  const detail = `no attestation for ${device}`;
  return lost.length === 0
    ? refuse('unknown-device', 'attestation', detail)
    : refuse(
        'unknown-device',
        'attestation',
        `${detail}; the record for seal ${lost[0]?.digest ?? ''} is missing`,
        FETCH_HINT,
      );
}

const FETCH_HINT = 'fetch the identity: auths pull, or git fetch with refs/did/*';

function rootOf(world: World, claim: DeviceClaim): Root | undefined {
  return world.roots.find(({ did }) => did === claim.identity.did);
}

function isCompromised({ counted, all }: DeviceClaim): boolean {
  return (counted ?? all)?.revocation?.reason === 'compromised';
}

function differs(a: DeviceState, b: DeviceState): boolean {
  return (
    a.linkDigest !== b.linkDigest ||
    a.expiresAt !== b.expiresAt ||
    a.revocation?.digest !== b.revocation?.digest ||
    a.capabilities.join() !== b.capabilities.join()
  );
}

/** Better answers are higher; among failures the one that came further in the order of judgement. */
function rank(verdict: Verdict): number {
  const failure = (FAILING_VERDICTS as readonly string[]).indexOf(verdict);
  return { passed: 1000, noted: 900, unverifiable: 500, failed: failure }[classOf(verdict)];
}

function refuse(verdict: Verdict, step: string, detail: string, hint: string | null = null): Answer {
  return { verdict, checks: [{ step, ok: false, detail }], hint };
}
