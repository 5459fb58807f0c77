/** What every KeyStore must do, whatever it stores in. */
import { describe, expect, it } from 'vitest';
import type { KeyStore } from '@auths/core/ports';

/** Gives two adapters over one empty store, as two programs would have them. */
export type OpenKeyStores = () => Promise<{
  readonly one: KeyStore;
  readonly two: KeyStore;
  close(): Promise<void>;
}>;

/** Registers the suite with vitest. */
export function keyStoreContract(name: string, open: OpenKeyStores): void {
  describe(`${name}: KeyStore`, () => {
    it('is empty at first', () =>
      withStores(open, async (one) => {
        expect(await one.get('identity')).toBeNull();
        expect(await one.list()).toEqual([]);
        expect(await one.remove('identity')).toBe(false);
      }));

    it('gives back what was put, to every program', () =>
      withStores(open, async (one, two) => {
        await one.put('identity', seed(1), { did: 'did:keri:E1' });
        await two.put('device', seed(2));
        expect(await two.get('identity')).toMatchObject({ did: 'did:keri:E1' });
        expect([...((await two.get('identity'))?.bytes ?? [])]).toEqual([...seed(1)]);
        expect([...((await one.get('device'))?.bytes ?? [])]).toEqual([...seed(2)]);
        expect(await one.list()).toEqual([
          { alias: 'device', did: null },
          { alias: 'identity', did: 'did:keri:E1' },
        ]);
      }));

    it('hands out copies: wiping one wipes nothing else', () =>
      withStores(open, async (one) => {
        const mine = seed(3);
        await one.put('device', mine);
        mine.fill(0);
        (await one.get('device'))?.bytes.fill(0);
        expect([...((await one.get('device'))?.bytes ?? [])]).toEqual([...seed(3)]);
      }));

    it('never overwrites another secret unasked', () =>
      withStores(open, async (one, two) => {
        await one.put('identity', seed(1));
        await two.put('identity', seed(1));
        await expect(two.put('identity', seed(2))).rejects.toMatchObject({ code: 'key/exists' });
        await expect(two.put('identity', seed(1), { did: 'did:keri:E1' })).rejects.toMatchObject({
          code: 'key/exists',
        });
        expect([...((await one.get('identity'))?.bytes ?? [])]).toEqual([...seed(1)]);
        await two.put('identity', seed(2), { replace: true });
        expect([...((await one.get('identity'))?.bytes ?? [])]).toEqual([...seed(2)]);
      }));

    it('removes one alias and no other', () =>
      withStores(open, async (one, two) => {
        await one.put('device', seed(1));
        await one.put('host:did:keri:E1', seed(2));
        expect(await two.remove('device')).toBe(true);
        expect(await one.list()).toEqual([{ alias: 'host:did:keri:E1', did: null }]);
        expect(await one.get('device')).toBeNull();
      }));

    it('loses nothing of two writers', () =>
      withStores(open, async (one, two) => {
        const aliases = Array.from({ length: 10 }, (_, i) => `alias${i}`);
        await Promise.all(aliases.map((alias, i) => (i % 2 === 0 ? one : two).put(alias, seed(i))));
        expect((await one.list()).map(({ alias }) => alias)).toEqual(aliases);
      }));
  });
}

async function withStores(
  open: OpenKeyStores,
  test: (one: KeyStore, two: KeyStore) => Promise<void>,
): Promise<void> {
  const stores = await open();
  try {
    await test(stores.one, stores.two);
  } finally {
    await stores.close();
  }
}

function seed(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}
