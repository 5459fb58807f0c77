/** The URLs under which others reach a listening server. */
import type { AddressInfo } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** One URL per address; a server on every interface is reachable at each of the machine's own. Link-local IPv6 is left out: no URL can name it. */
export function reachableAt(addresses: readonly AddressInfo[], interfaces: Interfaces): readonly string[] {
  const own = Object.values(interfaces).flatMap((entries) => entries ?? []);
  const urls = addresses.flatMap(({ address, port }) => {
    if (address !== '0.0.0.0' && address !== '::') return [urlOf(address, port)];
    return own
      .filter((entry) => address === '::' || entry.family === 'IPv4')
      .filter((entry) => !entry.address.toLowerCase().startsWith('fe80:'))
      .map((entry) => urlOf(entry.address, port));
  });
  return [...new Set(urls)];
}

function urlOf(address: string, port: number): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
