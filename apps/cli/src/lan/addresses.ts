/**
 * Which address of this machine a paired device can reach: one address of the local network, or
 * loopback when there is none (docs/protocol.md, "LAN mode").
 */
import { isIP } from 'node:net';
import { AuthsError } from '@auths/core/errors';
import { isLocalAddress, parseIpv4, parseIpv6 } from '@auths/core/pairing/address';

/** One address of one interface, as `os.networkInterfaces()` gives it. */
export interface InterfaceAddress {
  readonly interface: string;
  readonly address: string;
  readonly family: 4 | 6;
  readonly internal: boolean;
}

/** Where the LAN server listens and what it tells others. `scope` is the interface of a link-local IPv6 address. */
export interface LanAddress {
  readonly address: string;
  readonly family: 4 | 6;
  readonly interface: string | null;
  readonly scope: string | null;
  readonly loopback: boolean;
}

/** An address as the person typed it: `ADDR` or `ADDR:PORT`, IPv6 in brackets. Port 0 = any free one. */
export interface BindAddress {
  readonly address: string;
  readonly port: number;
}

/** Loopback, for a machine without a local network. */
export const loopbackAddress: LanAddress = {
  address: '127.0.0.1',
  family: 4,
  interface: null,
  scope: null,
  loopback: true,
};

/**
 * The address that other devices of this network most likely reach: private IPv4 of a real interface
 * first, then a unique-local IPv6 address, then link-local ones; loopback when there is none. Public
 * addresses are never chosen unasked: plain HTTP belongs on the local network only.
 */
export function chooseLanAddress(candidates: readonly InterfaceAddress[]): LanAddress {
  const ranked = candidates
    .filter((candidate) => !candidate.internal && isLocalNetwork(candidate.address))
    .map((candidate) => ({ candidate, rank: rankOf(candidate) }))
    .sort((a, b) => a.rank - b.rank);
  const best = ranked[0]?.candidate;
  return best === undefined ? loopbackAddress : lanAddressOf(best);
}

/**
 * The address given by `--bind`, with the interface it lies on. Unspecified addresses (0.0.0.0, ::)
 * are refused as `usage/invalid`: a host that listens everywhere is reachable from where nobody looked.
 */
export function boundAddress(bind: BindAddress, candidates: readonly InterfaceAddress[]): LanAddress {
  const [address = '', zone = null] = bind.address.split('%');
  if (isUnspecified(address)) {
    throw new AuthsError('usage/invalid', `--bind ${bind.address} would listen on every interface`, {
      hint: 'give the one address that the other device reaches, for example --bind 192.168.1.20',
    });
  }
  const own = candidates.find(
    (candidate) => sameAddress(candidate.address, address) && (zone === null || candidate.interface === zone),
  );
  if (own === undefined && !isLoopback(address)) {
    throw new AuthsError('usage/invalid', `--bind ${bind.address} is not an address of this machine`, {
      hint: `its addresses are ${candidates.map((candidate) => candidate.address).join(', ')}`,
    });
  }
  if (own !== undefined) return lanAddressOf(own);
  return { ...loopbackAddress, address, family: isIP(address) === 6 ? 6 : 4 };
}

/** `ADDR`, `ADDR:PORT`, `[IPV6]` or `[IPV6]:PORT` → its parts. Anything else is `usage/invalid`. */
export function parseBind(text: string, flag = '--bind'): BindAddress {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const plain = /^([^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  const [, address = '', port = '0'] = bracketed ?? plain ?? [];
  const family = isIP(address);
  if (Number(port) > 65_535 || family === 0 || (family === 6) !== (bracketed !== null)) {
    throw new AuthsError('usage/invalid', `${flag} ${text} is not an address`, {
      hint: `write ${flag} 192.168.1.20, ${flag} 192.168.1.20:8400 or, for IPv6, ${flag} [fd00::2]:8400`,
    });
  }
  return { address, port: Number(port) };
}

/** True for addresses that stay inside a network: loopback, private, link-local, unique-local. A scope is passed over. */
export function isLocalNetwork(address: string): boolean {
  const bare = address.split('%')[0] ?? '';
  const bytes = parseIpv4(bare) ?? parseIpv6(bare);
  return bytes !== null && isLocalAddress(bytes);
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address === 'localhost';
}

/** The host part of a URL, from an address: IPv6 in brackets, without a scope (no URL may carry one). */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address.split('%')[0] ?? ''}]` : address;
}

/** What Node binds and connects to: link-local IPv6 with its scope. */
export function socketAddress(address: Pick<LanAddress, 'address' | 'scope'>): string {
  return address.scope === null ? address.address : `${address.address}%${address.scope}`;
}

function lanAddressOf(candidate: InterfaceAddress): LanAddress {
  return {
    address: candidate.address,
    family: candidate.family,
    interface: candidate.interface,
    scope: isLinkLocal(candidate.address) ? candidate.interface : null,
    loopback: isLoopback(candidate.address),
  };
}

/** Lower is better. Virtual bridges and tunnels come after what has a cable or an antenna. */
function rankOf({ address, family, interface: name }: InterfaceAddress): number {
  const virtual =
    /^(?:docker|br-|veth|virbr|vmnet|vboxnet|lxc|lxd|cni|flannel|tun|tap|utun|wg|tailscale|zt|ppp|awdl|llw|bridge)/;
  const byAddress = family === 4 ? (address.startsWith('169.254.') ? 2 : 0) : isLinkLocal(address) ? 3 : 1;
  return (virtual.test(name) ? 10 : 0) + byAddress;
}

/** fe80::/10. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || (isIP(address) === 6 && /^[0:]+$/.test(address));
}

function sameAddress(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
