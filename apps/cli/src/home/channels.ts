/** The channels of paired devices follow the log: a device that it revokes, or that a recovery gave up, has none. */
import type { PairedDevice } from '@auths/core/flows/pairing-ports';
import type { Home } from '@auths/git-store/home-repository';
import { changeAllowList, readAllowList } from '@auths/key-store/allow-list';
import type { LogView } from './identity-view.ts';

/** What the log says of each device. */
export type LoggedDevices = readonly Pick<LogView['devices'][number], 'did' | 'revokedAt'>[];

/** The same, and whether the log has lost its newest events: then it does not tell who is unknown to it. */
export type Logged = Pick<LogView, 'lost'> & { readonly devices: LoggedDevices };

/** Names of devices that the log has revoked and the allow-list would still let in: what a crash between the two leaves. */
export async function openRevokedChannels(
  home: Pick<Home, 'dir'>,
  { devices, lost }: Logged,
): Promise<readonly string[]> {
  const listed = await readAllowList(home.dir);
  return listed.filter(isClosed(devices, lost !== null)).map(({ name }) => name);
}

/** Closes them and wipes their keys. `read` gives the log as it stands when it is called. */
export async function closeRevokedChannels(
  home: Pick<Home, 'dir'>,
  read: () => Promise<Logged>,
): Promise<void> {
  const isEnding = (await readAllowList(home.dir)).some(({ status }) => status === 'provisional');
  // A pairing that is ending may have asked the log of before, and make its device active as soon as nobody looks.
  if (!isEnding && (await openRevokedChannels(home, await read())).length === 0) return;
  // Read anew under the lock: a device that another command has made active meanwhile was sealed before that.
  await changeAllowList(home.dir, async (listed) => {
    const { devices, lost } = await read();
    return withChannelsClosed(listed, devices, lost !== null);
  });
}

/** The list with those closed that the log does not hold live. */
export function withChannelsClosed(
  listed: readonly PairedDevice[],
  logged: LoggedDevices,
  isCut = false,
): readonly PairedDevice[] {
  const closed = isClosed(logged, isCut);
  if (!listed.some(closed)) return listed;
  return listed.map((entry) => (closed(entry) ? { ...entry, status: 'revoked' as const, psk: '' } : entry));
}

/** What is let in and must not be. A pairing that is still provisional may not be in the log yet, an active device not any more in one that was cut. */
function isClosed(
  logged: LoggedDevices,
  isCut: boolean,
): (entry: { readonly status: string; readonly device_did: string }) => boolean {
  const known = new Map<string, boolean>(logged.map(({ did, revokedAt }) => [did, revokedAt !== null]));
  return ({ status, device_did }) =>
    status !== 'revoked' && (known.get(device_did) ?? (status === 'active' && !isCut));
}
