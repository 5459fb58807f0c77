/** One record in words. */
import type { AttestationRecord } from '@auths/core/attestation/attestation';
import type { Context } from '../command.ts';
import { safeName, shortTime, table } from './layout.ts';

export function recordView(context: Context, record: AttestationRecord, digest: string): string {
  const rows: string[][] = [
    ['digest', digest],
    ['issuer', record.issuer],
    ['issued', shortTime(record.timestamp)],
  ];
  if (record.type !== 'anchor') rows.push(['device', record.subject]);
  if ('name' in record && record.name !== undefined) rows.push(['name', safeName(record.name)]);
  if ('capabilities' in record) rows.push(['may', record.capabilities.join(', ') || 'nothing']);
  if ('expires_at' in record && record.expires_at !== undefined)
    rows.push(['expires', shortTime(record.expires_at)]);
  if (record.type === 'extension') rows.push(['extends', record.extends]);
  if (record.type === 'revocation') rows.push(['reason', record.reason]);
  const objects =
    record.type === 'anchor' ? record.objects : record.type === 'revocation' ? (record.good ?? []) : [];
  for (const { oid } of objects) rows.push([record.type === 'anchor' ? 'object' : 'good', oid]);
  if (record.note !== undefined) rows.push(['note', record.note]);
  return [context.style.bold(record.type), ...table(rows, '  ')].join('\n');
}
