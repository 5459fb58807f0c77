/** The link form of an offer: `auths://pair?v=1&e=…` or `<origin>/pair#v=1&e=…`, always kind link (docs/protocol.md, "Links and QR codes"). */
import { fromBase64url, toBase64url } from '../encoding/base64url.ts';
import { fromUtf8, utf8 } from '../encoding/text.ts';
import { AuthsError } from '../errors.ts';
import { parseSessionId } from '../identifiers.ts';
import { parseEndpoint, type EndpointRules } from './endpoint.ts';
import { asMalformed, PAGE, pageFragment, requireShort, type OutOfBand } from './out-of-band.ts';

const LINK = 'auths://pair?';
const PARAMETERS = ['v', 'e', 'sid', 's', 'k', 'hc', 'x'] as const;

/** `auths://pair?…`, or with `page` (an https origin that serves the join page) `<page>/pair#…`, where no server sees it. */
export function encodeLink(offer: OutOfBand, page?: string): string {
  const query = [
    'v=1',
    `e=${toBase64url(utf8(offer.endpoint))}`,
    `sid=${offer.sessionId}`,
    `s=${toBase64url(offer.secret)}`,
    `k=${toBase64url(offer.hostX25519)}`,
    `hc=${toBase64url(offer.hostCommit)}`,
    `x=${offer.expiresAt}`,
  ].join('&');
  return page === undefined ? LINK + query : parseEndpoint(page).origin + PAGE + query;
}

/** The offer of a link in either form. Any parameter missing, doubled, unknown or misspelt is `pairing/malformed`. */
export function decodeLink(text: string, rules: EndpointRules = {}): OutOfBand {
  return asMalformed('this pairing link is damaged', () => {
    const query = text.startsWith(LINK) ? requireShort(text).slice(LINK.length) : pageFragment(text);
    const values = parseQuery(query);
    if (values.v !== '1')
      throw new AuthsError('input/malformed', 'it is of a version that this program does not know');
    if (!/^(?:0|[1-9]\d{0,9})$/.test(values.x) || Number(values.x) > 0xffffffff) {
      throw new AuthsError('input/malformed', 'x is not a time in unix seconds');
    }
    return {
      endpoint: parseEndpoint(fromUtf8(fromBase64url(values.e)), rules).origin,
      sessionId: parseSessionId(values.sid),
      secret: fromBase64url(values.s, 16),
      hostX25519: fromBase64url(values.k, 32),
      hostCommit: fromBase64url(values.hc, 32),
      expiresAt: Number(values.x),
    };
  });
}

function parseQuery(query: string): Record<(typeof PARAMETERS)[number], string> {
  const values = new Map<string, string>();
  for (const part of query.split('&')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0));
    const known = PARAMETERS.find((parameter) => parameter === name);
    if (known === undefined)
      throw new AuthsError('input/malformed', 'it has a parameter that does not belong there');
    if (values.has(known))
      throw new AuthsError('input/malformed', `its parameter ${known} stands there twice`);
    values.set(known, part.slice(at + 1));
  }
  const missing = PARAMETERS.find((parameter) => !values.has(parameter));
  if (missing !== undefined) throw new AuthsError('input/malformed', `its parameter ${missing} is missing`);
  return Object.fromEntries(values) as Record<(typeof PARAMETERS)[number], string>;
}
