/** Keeps a LAN host up until the last messages were fetched. */
import type { SessionId } from '@auths/core/identifiers';
import type { Clock } from '@auths/core/ports';
import type { SessionStore } from '@auths/core/pairing/relay';

/** Resolves to true once everything the host said was handed out, to false after `maxMs`. */
export async function waitUntilFetched(
  store: SessionStore,
  clock: Pick<Clock, 'monotonic'>,
  id: SessionId,
  maxMs: number,
): Promise<boolean> {
  const deadline = clock.monotonic() + maxMs;
  for (;;) {
    const session = await store.read(id);
    if (session === null || session.lanes.h2j.fetched === session.lanes.h2j.last) return true;
    const left = deadline - clock.monotonic();
    if (left <= 0) return false;
    await store.changed(id, session.version, left);
  }
}
