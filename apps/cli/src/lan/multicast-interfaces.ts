/** The interfaces of this machine as multicast DNS uses them: one socket each. */
import { BlockList } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isLinkLocal, isLoopback } from './addresses.ts';
import type { LanAddress } from './addresses.ts';

/** `interface` is an IPv4 address, or `::%name` for IPv6. */
export type MulticastInterface = { readonly type: 'udp4' | 'udp6'; readonly interface: string };

/** A host speaks on the interface of its address, over IPv4 and IPv6 where that has both. */
export function interfacesFor(address: LanAddress): readonly MulticastInterface[] {
  if (address.loopback) return [{ type: 'udp4', interface: '127.0.0.1' }];
  return everyInterface().filter(({ interface: at }) =>
    (networkInterfaces()[address.interface ?? ''] ?? []).some(
      (own) => own.address === at || at === `::%${address.interface ?? ''}`,
    ),
  );
}

/** A joiner asks everywhere, loopback included: the host may be another home of this machine. */
export function everyInterface(): readonly MulticastInterface[] {
  const all: MulticastInterface[] = [];
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const four = addresses.find((entry) => entry.family === 'IPv4');
    const six = addresses.some((entry) => entry.family === 'IPv6' && isLinkLocal(entry.address));
    if (four !== undefined) all.push({ type: 'udp4', interface: four.address });
    if (six) all.push({ type: 'udp6', interface: `::%${name}` });
  }
  return all;
}

/** The interface that a packet came in by: said by IPv6 itself, found by subnet for IPv4. */
export function scopeOf(from: string): string | null {
  const [address = '', zone] = from.split('%');
  if (zone !== undefined) return zone;
  if (isLoopback(address)) return null;
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const match = Object.entries(networkInterfaces()).find(([, addresses = []]) =>
    addresses.some(({ cidr, family: own }) => {
      const [network, bits] = cidr?.split('/') ?? [];
      if (own.toLowerCase() !== family || network === undefined) return false;
      const subnet = new BlockList();
      subnet.addSubnet(network, Number(bits), family);
      return subnet.check(address, family);
    }),
  );
  return match?.[0] ?? null;
}
