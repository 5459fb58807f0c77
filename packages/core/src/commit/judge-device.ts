/**
 * The last part of a judgement: what a device that a trusted root attests may do, and when it could
 * (storage-and-verification.md 6). A date inside a commit never decides; order comes from evidence.
 */
import type { Anchor, DeviceFold, DeviceRevocation, DeviceState } from '../attestation/device-state.ts';
import { isBefore } from '../attestation/device-state.ts';
import { parseTime } from '../encoding/time.ts';
import { prefixOf } from '../identifiers.ts';
import { eventFile } from './history.ts';
import type { SignedType } from './object.ts';
import type { Past } from './past.ts';
import type { Policy } from './policy.ts';
import type { Check, Verdict } from './verdict.ts';

export interface DeviceQuestion {
  readonly type: SignedType;
  readonly device: DeviceState;
  /** Of the device's issuer; its anchors are the ones that count. */
  readonly fold: DeviceFold;
  /** Witnesses that receipted the newest event of the issuer's log. */
  readonly receipts: number;
  readonly policy: Policy;
  readonly past: Past;
  readonly now: number;
  /** What a proposal puts behind the log of a root and nobody can read, if any: once merged it would end every verification. */
  readonly rubbish: () => string | null;
}

export interface DeviceAnswer {
  readonly verdict: Verdict;
  readonly checks: readonly Check[];
  readonly hint: string | null;
}

/** Capability, revocation, expiry, freshness, in that order; the first that fails is the verdict. */
export async function judgeDevice(question: DeviceQuestion): Promise<DeviceAnswer> {
  const checks: Check[] = [];
  const missing = missingRecord(question.device);
  if (missing !== null) return { verdict: 'unverifiable', checks: [missing], hint: FETCH_HINT };
  const { unknown, ...capability } = await judgeCapability(question);
  checks.push(capability);
  if (unknown === true) return { verdict: 'unverifiable', checks, hint: 'git fetch --unshallow' };
  if (!capability.ok)
    return { verdict: 'capability-denied', checks, hint: 'sign with a device that has this capability' };
  const revocation = await judgeRevocation(question);
  checks.push(revocation.check);
  if (!revocation.check.ok) return { verdict: revocation.verdict, checks, hint: revocation.hint };
  const expiry = await judgeExpiry(question);
  checks.push(expiry.check);
  if (!expiry.check.ok)
    return { verdict: 'expired', checks, hint: 'the identity can extend it: auths devices extend' };
  const { policy } = question;
  if (policy.maxStalenessMs !== null) {
    const detail = 'the policy sets max_staleness, and no key state notice by a notary is at hand';
    return {
      verdict: 'stale-evidence',
      checks: [...checks, { step: 'freshness', ok: false, detail }],
      hint: FETCH_HINT,
    };
  }
  if (policy.receipts > 0) {
    const ok = question.receipts >= policy.receipts;
    const detail = `${question.receipts} witnesses receipted the newest event; the policy asks for ${policy.receipts}`;
    checks.push({ step: 'receipts', ok, detail });
    if (!ok) return { verdict: 'unverifiable', checks, hint: FETCH_HINT };
  }
  return {
    verdict: revocation.verdict === 'valid' ? expiry.verdict : revocation.verdict,
    checks,
    hint: null,
  };
}

const FETCH_HINT = 'fetch newer evidence: git pull, or git fetch with refs/did/*';

/** Stripping a record hides nothing: what it said is unknown, so nothing passes. A final revocation cannot be undone by any record, so there nothing is unknown. */
function missingRecord(device: DeviceState): Check | null {
  const first = device.missing[0];
  if (first === undefined || isFinal(device.revocation)) return null;
  const detail = `record for seal ${first.digest} (s=${first.sealedAt.sequence}) missing`;
  return { step: 'attestation', ok: false, detail };
}

function isFinal(revocation: DeviceRevocation | null): boolean {
  return revocation !== null && revocation.reason !== 'retired';
}

async function judgeCapability(question: DeviceQuestion): Promise<Check & { readonly unknown?: true }> {
  const { type, device, policy, past } = question;
  const needed = policy.requireCapability[type];
  if (!device.capabilities.includes(needed)) return lacks(needed);
  if (type !== 'commit' || device.capabilities.includes('manage_policy'))
    return { step: 'capability', ok: true, detail: needed };
  const changes = await past.changesPolicy();
  if (changes === null) {
    const detail = 'a parent is not here, so whether the commit changes roots, policy or evidence is unknown';
    return { step: 'capability', ok: false, detail, unknown: true };
  }
  if (changes) return lacks('manage_policy, and the commit changes roots, policy or evidence');
  const rubbish = (await past.touchesEvidence()) === false ? null : question.rubbish();
  if (rubbish !== null)
    return lacks(`manage_policy, and the commit touches evidence that nobody could go on from (${rubbish})`);
  return { step: 'capability', ok: true, detail: needed };
}

function lacks(what: string): Check {
  return { step: 'capability', ok: false, detail: `the device lacks ${what}` };
}

interface TimeAnswer {
  readonly verdict: Verdict;
  readonly check: Check;
  readonly hint: string | null;
}

/** Strongest evidence first: the revoking record's own list, anchors before it, ancestry where the policy allows it. */
async function judgeRevocation(question: DeviceQuestion): Promise<TimeAnswer> {
  const { device, fold, policy, past } = question;
  const { revocation } = device;
  if (revocation === null) return passed('valid', 'revocation', 'not revoked');
  const { reason, revokedAt } = revocation;
  const said = `revoked as ${reason} on ${revokedAt}`;
  if (await isWithin(past, [revocation.good])) {
    return passed(
      'valid-before-revocation',
      'revocation',
      `${said}; its history up to a vouched tip still counts`,
    );
  }
  if (reason !== 'compromised') {
    const before = fold.anchors.filter((anchor) => isBefore(anchor.sealedAt, revocation.sealedAt));
    if (await isWithin(past, objectsOf(before))) {
      return passed('valid-before-revocation', 'revocation', `${said}; an anchor before that covers it`);
    }
    if (question.type === 'commit' && policy.ancestry.includes(reason) && (await past.isBelowLiveCommit())) {
      return passed('valid-before-revocation', 'revocation', `${said}; a live device built on it`);
    }
  }
  if (reason === 'compromised')
    return refused('revoked', 'revocation', said, 'vouch for what is good: auths devices revoke --good REF');
  const { sequence, said: event } = revocation.sealedAt;
  const path = eventFile(prefixOf(device.issuer), sequence, event);
  if (question.type === 'commit' && (await past.holdsEvidence(path))) {
    return refused(
      'revoked',
      'revocation',
      `${said}; the commit itself holds that revocation, so it is younger`,
      null,
    );
  }
  return refused(
    'revoked-unordered',
    'revocation',
    `${said}; nothing shows that this is older`,
    'vouch for tips that are good: auths devices revoke --good REF',
  );
}

/** By the verifier's clock. Only an anchor with a signed time before the end shows that an object is older. */
async function judgeExpiry({ device, fold, past, now }: DeviceQuestion): Promise<TimeAnswer> {
  const { expiresAt } = device;
  if (expiresAt === null) return passed('valid', 'expiry', 'does not expire');
  const end = parseTime(expiresAt);
  if (now < end) return passed('valid', 'expiry', `until ${expiresAt}`);
  const before = fold.anchors.filter((anchor) => parseTime(anchor.anchoredAt) <= end);
  return (await isWithin(past, objectsOf(before)))
    ? passed('valid-before-expiry', 'expiry', `expired on ${expiresAt}; an anchor before that covers it`)
    : refused('expired', 'expiry', `expired on ${expiresAt}`, null);
}

function objectsOf(anchors: readonly Anchor[]): readonly Anchor['objects'][] {
  return anchors.map(({ objects }) => objects);
}

async function isWithin(past: Past, lists: readonly Anchor['objects'][]): Promise<boolean> {
  const names = lists.flat();
  if (names.length === 0) return false;
  const tips = await past.present(names);
  return tips.length > 0 && (await past.isWithin(tips));
}

function passed(verdict: Verdict, step: string, detail: string): TimeAnswer {
  return { verdict, check: { step, ok: true, detail }, hint: null };
}

function refused(verdict: Verdict, step: string, detail: string, hint: string | null): TimeAnswer {
  return { verdict, check: { step, ok: false, detail }, hint };
}
