/** The channels of paired devices follow the log: a device that it revokes, or that a recovery gave up, has none. */
import type { Home } from '@auths/git-store/home-repository';
import { changeAllowList, readAllowList } from '@auths/key-store/allow-list';
import type { LogView } from './identity-view.ts';

/** Names of devices that the log has revoked and the allow-list would still let in: what a crash between the two leaves. */
export async function openRevokedChannels(
  home: Pick<Home, 'dir'>,
  view: Pick<LogView, 'devices'>,
): Promise<readonly string[]> {
  const listed = await readAllowList(home.dir);
  return listed.filter(isClosed(view)).map(({ name }) => name);
}

/** Closes them and wipes their keys. */
export async function closeRevokedChannels(
  home: Pick<Home, 'dir'>,
  view: Pick<LogView, 'devices'>,
): Promise<void> {
  if ((await openRevokedChannels(home, view)).length === 0) return;
  const closed = isClosed(view);
  await changeAllowList(home.dir, (devices) =>
    devices.map((entry) => (closed(entry) ? { ...entry, status: 'revoked' as const, psk: '' } : entry)),
  );
}

/** What is let in and must not be. A pairing that is still provisional may not be in the log yet. */
function isClosed({
  devices,
}: Pick<LogView, 'devices'>): (entry: { readonly status: string; readonly device_did: string }) => boolean {
  const known = new Map<string, boolean>(devices.map(({ did, revokedAt }) => [did, revokedAt !== null]));
  return ({ status, device_did }) => status !== 'revoked' && (known.get(device_did) ?? status === 'active');
}
