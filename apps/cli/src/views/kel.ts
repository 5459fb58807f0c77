/** Key event logs for people. */
import { sanitise } from '@auths/core/errors';
import type { KelVerdict } from '@auths/core/keri/key-state';
import type { Context } from '../command.ts';
import { safeName, shortDid, table } from './layout.ts';

/** An event's fields as JSON, and `x`. */
export interface EventView {
  readonly t: string;
  readonly d: string;
  readonly s: string;
  readonly k?: readonly string[];
  readonly a?: readonly Readonly<Record<string, unknown>>[];
  readonly x: string | null;
}

const WHAT: Readonly<Record<string, string>> = { icp: 'inception', rot: 'rotation', ixn: 'seals' };

export function kelView(context: Context, prefix: string, events: readonly EventView[]): string {
  const { bold, dim } = context.style;
  return [
    bold(`did:keri:${prefix}`),
    ...table(
      events.map((event) => [
        String(Number.parseInt(event.s, 16)),
        WHAT[event.t] ?? event.t,
        event.d,
        dim(detail(event)),
      ]),
      '  ',
    ),
  ].join('\n');
}

export function kelVerdictView(context: Context, verdict: KelVerdict): string {
  const { good, bad, bold } = context.style;
  const { state } = verdict;
  const accepted = verdict.verdict === 'accepted';
  const head = accepted ? good('accepted') : bad(verdict.verdict);
  const rows: string[][] = [];
  if (!accepted) {
    rows.push(['refused at', `message ${verdict.at ?? 0}: ${safeReason(verdict)}`]);
  }
  if (state !== null) {
    rows.push(['identity', bold(`did:keri:${state.prefix}`)]);
    rows.push(['sequence', `${state.sequence}, event ${state.said}`]);
    rows.push(['keys', state.keys.join(', ')]);
    if (state.witnesses.length > 0)
      rows.push(['witnesses', `${state.witnessThreshold} of ${state.witnesses.length}`]);
  }
  return [head, ...table(rows, '  ')].join('\n');
}

function safeReason(verdict: KelVerdict): string {
  const reason = verdict.reason ?? 'no reason given';
  return `${sanitise(Array.from(reason).slice(0, 200).join(''))} (${verdict.rule ?? verdict.verdict})`;
}

function detail(event: EventView): string {
  if (event.t === 'ixn') return (event.a ?? []).map((seal) => sealText(seal)).join(', ');
  return (event.k ?? []).map((key) => `key ${shortDid(key)}`).join(', ');
}

function sealText(seal: Readonly<Record<string, unknown>>): string {
  return typeof seal['d'] === 'string' ? `record ${safeName(seal['d'])}` : 'a seal';
}
