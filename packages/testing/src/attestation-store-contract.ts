/** What every AttestationStore must do, whatever it stores in. Records are opaque bytes here. */
import { describe, expect, it } from 'vitest';
import { digest } from '@auths/core/keri/said';
import { encodeDidKey } from '@auths/core/encoding/did-key';
import { didKeriOf, type DidKeri, type DidKey } from '@auths/core/identifiers';
import type { AttestationStore, StoredRecord } from '@auths/core/ports';
import { sampleKey, sampleLog } from './sample-events.ts';

/** A record of the right outline; `mark` makes its bytes and digest its own. */
export function sampleRecord(
  issuer: DidKeri,
  subject: DidKey | null,
  sealedAt: number | null,
  mark: string,
): StoredRecord {
  const bytes = Buffer.from(JSON.stringify({ issuer, ...(subject === null ? {} : { subject }), mark }));
  return { subject, sealedAt, bytes: new Uint8Array(bytes), digest: digest(bytes) };
}

/** Gives two adapters over one empty store, as two programs would have them. */
export type OpenAttestationStores = () => Promise<{
  readonly one: AttestationStore;
  readonly two: AttestationStore;
  close(): Promise<void>;
}>;

/** Registers the suite with vitest. */
export function attestationStoreContract(name: string, open: OpenAttestationStores): void {
  describe(`${name}: AttestationStore`, () => {
    const issuer = didKeriOf(sampleLog('issuer').prefix);
    const other = didKeriOf(sampleLog('other issuer').prefix);
    const [laptop, phone] = ['laptop', 'phone'].map((who) => encodeDidKey(sampleKey(who).publicKey)) as [
      DidKey,
      DidKey,
    ];

    it('has nothing of an issuer that it never saw', () =>
      withStores(open, async (one) => {
        expect(await one.list(issuer)).toEqual([]);
      }));

    it('gives back every version of every device, and the anchors, by issuer', () =>
      withStores(open, async (one, two) => {
        const records = [
          sampleRecord(issuer, laptop, 1, 'link'),
          sampleRecord(issuer, laptop, 300, 'extension'),
          sampleRecord(issuer, phone, 2, 'link'),
          sampleRecord(issuer, null, 4, 'anchor'),
        ];
        const foreign = sampleRecord(other, laptop, 1, 'foreign');
        await one.put(issuer, records.slice(0, 1));
        await two.put(issuer, records.slice(1));
        await one.put(other, [foreign]);
        expect(sorted(await one.list(issuer))).toEqual(sorted(records));
        expect(sorted(await two.list(other))).toEqual([plain(foreign)]);
      }));

    it('changes nothing for records that it has', () =>
      withStores(open, async (one) => {
        const records = [sampleRecord(issuer, laptop, 1, 'link'), sampleRecord(issuer, null, 2, 'anchor')];
        await one.put(issuer, records);
        await one.put(issuer, records);
        await one.put(issuer, []);
        expect(sorted(await one.list(issuer))).toEqual(sorted(records));
      }));

    it('keeps one record sealed at two places (a recovery) as two', () =>
      withStores(open, async (one) => {
        const first = sampleRecord(issuer, laptop, 1, 'link');
        const again = { ...first, sealedAt: 7, bytes: Buffer.concat([first.bytes, Buffer.from(' ')]) };
        await one.put(issuer, [first]);
        await one.put(issuer, [again]);
        expect(sorted(await one.list(issuer))).toEqual(sorted([first, again]));
      }));

    it('loses nothing of two writers', () =>
      withStores(open, async (one, two) => {
        const records = Array.from({ length: 12 }, (_, i) =>
          sampleRecord(issuer, i % 3 === 0 ? phone : laptop, i, `r${i}`),
        );
        await Promise.all(records.map((record, i) => (i % 2 === 0 ? one : two).put(issuer, [record])));
        expect(sorted(await one.list(issuer))).toEqual(sorted(records));
      }));
  });
}

function plain({ subject, digest: said, sealedAt, bytes }: StoredRecord): Record<string, unknown> {
  return { subject, said, sealedAt, text: Buffer.from(bytes).toString('utf8') };
}

function sorted(records: readonly StoredRecord[]): readonly Record<string, unknown>[] {
  return records.map(plain).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

async function withStores(
  open: OpenAttestationStores,
  test: (one: AttestationStore, two: AttestationStore) => Promise<void>,
): Promise<void> {
  const stores = await open();
  try {
    await test(stores.one, stores.two);
  } finally {
    await stores.close();
  }
}
