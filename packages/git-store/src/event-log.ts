/**
 * The EventLog port on git refs: `refs/did/keri/<prefix>/kel`, one commit per event, the whole log in the
 * tip's tree. Commits are a function of the log, so two stores with one log have the same commit ids.
 * An append is: read, write objects, compare-and-swap of the ref (storage-and-verification.md 1).
 */
import { AuthsError } from '@auths/core/errors';
import { isPrefix, type Prefix } from '@auths/core/identifiers';
import type { EventLog, StoredLog } from '@auths/core/ports';
import type { Home } from './home-repository.ts';
import { cutTrunk, EMPTY_TRUNK, growTrunk, readTrunk, type Grown, type Trunk } from './trunk.ts';

/** Repacking every so many events keeps reads fast and the directory small. */
const REPACK_EVERY = 256;
/** Logs kept in memory, so that appending in a row reads nothing again. */
const CACHED_LOGS = 32;

/** The ref of a prefix's trunk. */
export function kelRef(prefix: Prefix): string {
  return `refs/did/keri/${prefix}/kel`;
}

/** Key event logs in `home`. Reading refuses, as `storage/corrupt`, whatever an append would not have written. */
export function gitEventLog(home: Home): EventLog {
  const cache = new Map<string, Trunk>();

  async function load(prefix: Prefix, version: string): Promise<Trunk> {
    const cached = cache.get(prefix);
    return cached?.version === version
      ? cached
      : remember(prefix, await readTrunk(home, kelRef(prefix), version));
  }

  function remember(prefix: Prefix, trunk: Trunk): Trunk {
    cache.delete(prefix);
    cache.set(prefix, trunk);
    const oldest = cache.keys().next();
    if (cache.size > CACHED_LOGS && oldest.done !== true) cache.delete(oldest.value);
    return trunk;
  }

  async function publish(
    prefix: Prefix,
    before: Trunk,
    grown: Grown,
    from: string | null,
    disputed?: string,
  ): Promise<StoredLog | null> {
    await home.writeObjects(grown.objects);
    const changes = [{ ref: kelRef(prefix), from, to: grown.trunk.version }];
    if (disputed !== undefined && from !== null) {
      changes.unshift({ ref: disputed, from: home.readRef(disputed), to: from });
    }
    if (!(await home.updateRefs(changes))) return null;
    remember(prefix, grown.trunk);
    if (Math.floor(grown.trunk.count / REPACK_EVERY) > Math.floor(before.count / REPACK_EVERY)) {
      // The event is published; a repack that fails (no space, another one running) is tried again 256 events later.
      await home.repack().catch(() => undefined);
    }
    return storedLog(prefix, grown.trunk);
  }

  return {
    async read(prefix) {
      const version = home.readRef(kelRef(prefix));
      return version === null ? null : storedLog(prefix, await load(prefix, version));
    },

    list() {
      const names = home.listNames('refs/did/keri').filter(isPrefix);
      return Promise.resolve(names.filter((prefix) => home.readRef(kelRef(prefix)) !== null));
    },

    async append(prefix, expected, events) {
      if (home.readRef(kelRef(prefix)) !== expected) return null;
      const before = expected === null ? EMPTY_TRUNK : await load(prefix, expected);
      if (events.length === 0) return expected === null ? null : storedLog(prefix, before);
      return publish(prefix, before, growTrunk(before, events), expected);
    },

    async supersede(prefix, expected, from, events) {
      if (home.readRef(kelRef(prefix)) !== expected) return null;
      const before = await load(prefix, expected);
      if (from < 1 || from >= before.count || events.length === 0) {
        throw new AuthsError(
          'internal/bug',
          `a log of ${before.count} events cannot be superseded from ${from}`,
        );
      }
      const kept = await cutTrunk(home, before, from);
      return publish(
        prefix,
        before,
        growTrunk(kept, events),
        expected,
        `refs/did/keri/${prefix}/disputed/${before.tip}`,
      );
    },
  };
}

function storedLog(prefix: Prefix, trunk: Trunk): StoredLog {
  return { prefix, stream: trunk.stream, tip: trunk.tip, version: trunk.version };
}
