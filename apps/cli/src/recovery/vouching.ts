/** What the owner vouches for of the seals since the last rotation: by flags, or asked on a terminal. */
import type { AttestationRecord } from '@auths/core/attestation/attestation';
import { AuthsError } from '@auths/core/errors';
import { recordsToReseal, type Survey, type SurveyedSeal } from '@auths/core/flows/survey-seals';
import type { DidKey, Said } from '@auths/core/identifiers';
import type { Context } from '../command.ts';
import { safeName, shortDid, shortTime } from '../views/layout.ts';

export interface VouchFlags {
  readonly all: boolean;
  readonly 'vouch-until': string | undefined;
  readonly keep: readonly string[];
}

export const vouchFlags = {
  all: {
    kind: 'switch',
    summary: 'give up every event since the last rotation, keep only what --keep names',
  },
  'vouch-until': { kind: 'value', hint: 'S', summary: 'the last event that you vouch for' },
  keep: { kind: 'list', hint: 'WHAT', summary: 'a device (name or DID) or record digest to seal again' },
} as const;

export interface Vouched {
  /** Where the rot stands. */
  readonly at: number;
  readonly reseal: readonly AttestationRecord[];
  readonly dropped: readonly SurveyedSeal[];
}

/** `usage/missing-answer` where events have to be judged and nobody says how; `usage/invalid` for an event or a --keep that is not there. */
export async function vouch(
  context: Context,
  survey: Survey,
  flags: VouchFlags,
  own: DidKey | null,
): Promise<Vouched> {
  const first = survey.establishment + 1;
  const length = survey.trunk.events.length;
  if (survey.seals.length > 0) for (const line of sealLines(survey)) context.note(line);
  const until = flags.all ? first - 1 : await vouchedUntil(context, survey, flags['vouch-until']);
  const at = Math.max(first, Math.min(until + 1, length, survey.fork ?? length));
  const unused = new Set(flags.keep);
  const asked = new Map<Said, boolean>();
  const open = survey.seals.filter(
    ({ onTrunk, sequence, record }) => (!onTrunk || sequence >= at) && record !== null,
  );
  for (const seal of open) asked.set(seal.digest, await isKept(context, seal, until, flags, own, unused));
  if (unused.size > 0) {
    throw new AuthsError(
      'usage/invalid',
      `--keep ${[...unused].join(', ')} names nothing that would be given up`,
      {
        hint: 'auths devices, or a digest of the list above',
      },
    );
  }
  return { at, ...recordsToReseal(survey, at, ({ digest }) => asked.get(digest) === true) };
}

async function vouchedUntil(context: Context, survey: Survey, flag: string | undefined): Promise<number> {
  const first = survey.establishment + 1;
  const tip = survey.trunk.events.length - 1;
  if (flag === undefined && tip < first) return tip;
  const answer =
    flag ??
    (context.terminal.interactive
      ? await context.terminal.text('Up to which event do you vouch for it?', {
          flag: '--vouch-until S or --all',
          initial: String(tip),
        })
      : undefined);
  if (answer === undefined) {
    throw new AuthsError('usage/missing-answer', 'which of these events do you vouch for?', {
      hint: `give --vouch-until S (${first - 1} to ${tip}), or --all to give all of them up`,
      details: { flag: '--vouch-until' },
    });
  }
  const until = /^\d{1,9}$/.test(answer) ? Number(answer) : -1;
  if (until >= first - 1 && until <= tip) return until;
  throw new AuthsError('usage/invalid', `--vouch-until takes ${first - 1} to ${tip}`, {
    hint: 'auths kel show',
  });
}

/** A revocation always; what the owner has vouched for; this device; what --keep names; what a person says. */
async function isKept(
  context: Context,
  { record, digest, sequence, onTrunk }: SurveyedSeal,
  until: number,
  flags: VouchFlags,
  own: DidKey | null,
  unused: Set<string>,
): Promise<boolean> {
  if (record === null) return false;
  const names = namesOf(record, digest).filter((name) => flags.keep.includes(name));
  for (const name of names) unused.delete(name);
  if (record.type === 'revocation' || names.length > 0) return true;
  if (onTrunk && sequence <= until) return true;
  if (record.type !== 'anchor' && record.subject === own) return true;
  if (!context.terminal.interactive || context.globals.yes) return false;
  return context.terminal.confirm(`Keep: ${inWords(record)}?`, '--keep');
}

function namesOf(record: AttestationRecord, digest: Said): readonly string[] {
  const names: string[] = [digest];
  if (record.type !== 'anchor') names.push(record.subject);
  if ('name' in record && record.name !== undefined) names.push(record.name);
  return names;
}

function sealLines({ seals, establishment }: Survey): readonly string[] {
  return [
    `sealed since the last rotation (event ${establishment}):`,
    ...seals.map(
      ({ sequence, digest, record, source, onTrunk }) =>
        `  ${sequence}  ${record === null ? `a record that nobody shows, ${digest}` : inWords(record)}  (${onTrunk ? '' : 'another branch, '}${source})`,
    ),
  ];
}

/** One record in a few words. */
export function inWords(record: AttestationRecord): string {
  const when = shortTime(record.timestamp);
  switch (record.type) {
    case 'link':
      return `device ${safeName(record.name)} added, ${shortDid(record.subject)}, ${when}`;
    case 'extension':
      return `device ${shortDid(record.subject)} changed, ${when}`;
    case 'revocation':
      return `device ${shortDid(record.subject)} revoked as ${record.reason}, ${when}`;
    case 'anchor':
      return `${record.objects.length} objects anchored, ${when}`;
  }
}

/** For `data`: what was sealed again, or given up. */
export function recordJson(record: AttestationRecord, digest: Said): Readonly<Record<string, unknown>> {
  return {
    digest,
    type: record.type,
    subject: record.type === 'anchor' ? null : record.subject,
    name: 'name' in record ? (record.name ?? null) : null,
  };
}

export function droppedJson({ digest, record, sequence }: SurveyedSeal): Readonly<Record<string, unknown>> {
  return record === null
    ? { digest, type: null, subject: null, name: null, sequence }
    : { ...recordJson(record, digest), sequence };
}
