/** Where a pairing is served: an http(s) origin and nothing more (docs/protocol.md, "Messages"). */
import { AuthsError } from '../errors.ts';
import { formatIpv4, formatIpv6, isLocalAddress, parseIpv4, parseIpv6 } from './address.ts';

export interface Endpoint {
  /** `https://host`, `http://host:port`, `http://[v6]:port`: lower case, the scheme's own port left out. */
  readonly origin: string;
  readonly scheme: 'http' | 'https';
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** 4 or 16 bytes when the host is an address, null when it is a name. */
  readonly address: Uint8Array | null;
}

export interface EndpointRules {
  /**
   * Names and addresses that the person gave: plain http may go there too (a tailnet name, say). `any` is
   * for the host's own endpoint, which nobody else chose.
   */
  readonly allowedNames?: readonly string[] | 'any';
}

/**
 * An http(s) origin. User info, path (a lone "/" too), query, fragment, odd spellings of addresses and
 * ports are refused; plain http is allowed only to private, link-local and loopback addresses, to
 * `localhost`, and to what `allowedNames` holds. Else `pairing/malformed`, saying which rule.
 */
export function parseEndpoint(text: string, { allowedNames = [] }: EndpointRules = {}): Endpoint {
  const match = /^(https?):\/\/([^/?#@\\\s:[\]]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?$/i.exec(text);
  if (match === null || text.length > 300) {
    throw malformed('it must be an origin such as https://example.org, without user, path or query');
  }
  const scheme = (match[1] as string).toLowerCase() as 'http' | 'https';
  const { host, address } = parseHost((match[2] as string).toLowerCase());
  const port = parsePort(match[3], scheme);
  const shown = address?.length === 16 ? `[${host}]` : host;
  const isLocal = address === null ? host === 'localhost' : isLocalAddress(address);
  const isGiven = allowedNames === 'any' || allowedNames.some((name) => name.toLowerCase() === host);
  if (scheme === 'http' && !isLocal && !isGiven) {
    throw malformed(
      'plain http is only for private, link-local and loopback addresses, and for names that you give yourself',
    );
  }
  const origin = `${scheme}://${shown}${port === defaultPort(scheme) ? '' : `:${port}`}`;
  return { origin, scheme, host, port, address };
}

function parseHost(text: string): { host: string; address: Uint8Array | null } {
  if (text.startsWith('[')) {
    const address = parseIpv6(text.slice(1, -1));
    if (address === null) throw malformed('the IPv6 address is not one');
    return { host: formatIpv6(address), address };
  }
  const address = parseIpv4(text);
  if (address !== null) return { host: formatIpv4(address), address };
  const labels = text.split('.');
  const isName =
    text.length <= 253 && labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  // A last label that is a number makes URL parsers read an address out of it: 127.1, 0x7f.1, 2130706433.
  if (!isName || /^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) {
    throw malformed('the host is neither a name nor an address in its usual form');
  }
  return { host: text, address: null };
}

function parsePort(text: string | undefined, scheme: 'http' | 'https'): number {
  if (text === undefined) return defaultPort(scheme);
  const port = Number(text);
  if (text.startsWith('0') || port > 65_535) throw malformed('the port is not between 1 and 65535');
  return port;
}

function defaultPort(scheme: 'http' | 'https'): number {
  return scheme === 'https' ? 443 : 80;
}

function malformed(why: string): AuthsError<'pairing/malformed'> {
  return new AuthsError('pairing/malformed', `this is not an address that pairing uses: ${why}`, {
    hint: 'Give it as the other device shows it, such as http://192.168.1.20:41234',
  });
}
