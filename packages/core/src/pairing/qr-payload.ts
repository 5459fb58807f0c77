/** The QR form of an offer: `AUTHS:<base45 of a binary payload>` or `<origin>/pair#AUTHS:…`, always kind qr (docs/protocol.md, "Links and QR codes"). */
import { fromBase45, toBase45 } from '../encoding/base45.ts';
import { concat, fromHex, toHex } from '../encoding/bytes.ts';
import { u32, u8 } from '../encoding/framing.ts';
import { fromLatin1, latin1 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { parseSessionId } from '../identifiers.ts';
import { formatIpv4, formatIpv6 } from './address.ts';
import { parseEndpoint, type Endpoint, type EndpointRules } from './endpoint.ts';
import { asMalformed, PAGE, pageFragment, requireShort, type OutOfBand } from './out-of-band.ts';

const QR = 'AUTHS:';

/**
 * `AUTHS:` + base45: 168 characters for an IPv4 host, 186 for IPv6. With `page` it becomes
 * `<page>/pair#AUTHS:…`, in which the two characters that a URL cannot hold as they are (space and %)
 * are written %20 and %25.
 */
export function encodeQrPayload(offer: OutOfBand, page?: string): string {
  const text = toBase45(
    concat(
      u8(1),
      encodeAddress(parseEndpoint(offer.endpoint, { allowedNames: 'any' })),
      fromHex(offer.sessionId, 16),
      offer.secret,
      offer.hostX25519,
      offer.hostCommit,
      u32(offer.expiresAt),
    ),
  );
  if (page === undefined) return QR + text;
  return parseEndpoint(page).origin + PAGE + QR + text.replace(/%/g, '%25').replace(/ /g, '%20');
}

/** The offer of a scanned QR in either form. Wrong length, version, address or character is `pairing/malformed`. */
export function decodeQrPayload(text: string, rules: EndpointRules = {}): OutOfBand {
  return asMalformed('this QR code is damaged, or not one of auths', () => {
    const fromPage = !text.startsWith(QR);
    const marked = fromPage ? pageFragment(text) : requireShort(text);
    if (!marked.startsWith(QR)) throw new AuthsError('input/malformed', 'it does not start with AUTHS:');
    const body = marked.slice(QR.length);
    // A fragment may arrive as it was printed or with its spaces and percent signs escaped. Lengths inside
    // the payload tell which: an escape adds characters.
    if (fromPage && /%2[05]/.test(body)) {
      try {
        return decodePayload(fromBase45(body.replace(/%20/g, ' ').replace(/%25/g, '%')), rules);
      } catch {
        // then it was not escaped
      }
    }
    return decodePayload(fromBase45(body), rules);
  });
}

function decodePayload(bytes: Uint8Array, rules: EndpointRules): OutOfBand {
  let at = 0;
  const take = (length: number): Uint8Array => {
    at += length;
    if (at > bytes.length) throw new AuthsError('input/malformed', 'it is too short');
    return bytes.slice(at - length, at);
  };
  if (take(1)[0] !== 1)
    throw new AuthsError('input/malformed', 'it is of a version that this program does not know');
  const endpoint = parseEndpoint(decodeAddress(take), rules).origin;
  const sessionId = parseSessionId(toHex(take(16)));
  const [secret, hostX25519, hostCommit, x] = [take(16), take(32), take(32), take(4)];
  if (at !== bytes.length) throw new AuthsError('input/malformed', 'it is too long');
  const expiresAt = new DataView(x.buffer).getUint32(0);
  return { endpoint, sessionId, secret, hostX25519, hostCommit, expiresAt };
}

/** u8 4 || IPv4 || u16 port, u8 6 || IPv6 || u16 port (both plain http), or u8 0 || u8 length || ASCII origin. */
function encodeAddress({ scheme, address, port, origin }: Endpoint): Uint8Array {
  if (scheme === 'http' && address !== null) {
    return concat(u8(address.length === 4 ? 4 : 6), address, Uint8Array.of(port >> 8, port & 0xff));
  }
  return concat(u8(0), u8(origin.length), latin1(origin));
}

function decodeAddress(take: (length: number) => Uint8Array): string {
  const [kind = 0] = take(1);
  if (kind === 0) return fromLatin1(take(take(1)[0] ?? 0));
  if (kind !== 4 && kind !== 6) throw new AuthsError('input/malformed', 'its address is of an unknown kind');
  const address = take(kind === 4 ? 4 : 16);
  const [high = 0, low = 0] = take(2);
  return `http://${kind === 4 ? formatIpv4(address) : `[${formatIpv6(address)}]`}:${high * 256 + low}`;
}
