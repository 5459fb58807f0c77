/** The channels of paired devices follow the log: a device that it revokes has none. */
import type { Home } from '@auths/git-store/home-repository';
import { changeAllowList, readAllowList } from '@auths/key-store/allow-list';
import type { LogView } from './identity-view.ts';

/** Names of devices that the log has revoked and the allow-list would still let in: what a crash between the two leaves. */
export async function openRevokedChannels(
  home: Pick<Home, 'dir'>,
  view: Pick<LogView, 'devices'>,
): Promise<readonly string[]> {
  const revoked = revokedIn(view);
  const listed = await readAllowList(home.dir);
  return listed
    .filter(({ status, device_did }) => status !== 'revoked' && revoked.has(device_did))
    .map(({ name }) => name);
}

/** Closes them and wipes their keys. */
export async function closeRevokedChannels(
  home: Pick<Home, 'dir'>,
  view: Pick<LogView, 'devices'>,
): Promise<void> {
  if ((await openRevokedChannels(home, view)).length === 0) return;
  const revoked = revokedIn(view);
  await changeAllowList(home.dir, (devices) =>
    devices.map((entry) =>
      revoked.has(entry.device_did) ? { ...entry, status: 'revoked' as const, psk: '' } : entry,
    ),
  );
}

function revokedIn({ devices }: Pick<LogView, 'devices'>): ReadonlySet<string> {
  return new Set(devices.filter(({ revokedAt }) => revokedAt !== null).map(({ did }) => did));
}
