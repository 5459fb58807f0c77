/** What a joiner is given to type, paste, scan or hear: codes, links, QR payloads, addresses, mDNS answers, a relay's offers. */
import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { toBase64url } from '../../packages/core/src/encoding/base64url.ts';
import { parseSessionId } from '../../packages/core/src/identifiers.ts';
import { formatCode, nameplateKind, parseCode } from '../../packages/core/src/pairing/code.ts';
import { parseEndpoint } from '../../packages/core/src/pairing/endpoint.ts';
import { parseOffer } from '../../packages/core/src/pairing/offer-token.ts';
import {
  decodeLink,
  decodeQrPayload,
  encodeLink,
  encodeQrPayload,
  parseJoinInput,
  type OutOfBand,
} from '../../packages/core/src/pairing/uri.ts';
import { isSameSas } from '../../packages/core/src/pairing/sas.ts';
import { createAnswerReader, SERVICE, type DnsPacket } from '../../apps/cli/src/lan/mdns-answers.ts';
import { accepted, countCases, fuzz, outcomeOf } from './laws.ts';
import { mutatedBytes, mutatedJson, mutatedText } from './mutate.ts';

countCases('pairing inputs');

const offers: readonly OutOfBand[] = [
  'http://192.168.1.20:41234',
  'https://auths.example',
  'http://[fe80::1]:9000',
  'http://localhost:3000',
].map((endpoint, i) => ({
  endpoint,
  sessionId: parseSessionId('0123456789abcdef'.repeat(2)),
  secret: new Uint8Array(16).fill(i + 1),
  hostX25519: new Uint8Array(32).fill(i + 9),
  hostCommit: new Uint8Array(32).fill(i + 17),
  expiresAt: 1_790_000_300 + i,
}));
const page = 'https://auths.example';
const links = offers.flatMap((offer) => [encodeLink(offer), encodeLink(offer, page)]);
const qrs = offers.flatMap((offer) => [encodeQrPayload(offer), encodeQrPayload(offer, page)]);
const codes = ['Z43-8JR', 'z43 8jr', 'ABCD-EFGH', '0123-4567-89AB', 'oil1-0o0o'];

/** No error about a pairing secret may quote it. */
function keepsSecret(
  text: string,
  error: { readonly message: string; readonly hint: string | undefined },
): void {
  for (const offer of offers) {
    expect(`${error.message}${error.hint ?? ''}`).not.toContain(toBase64url(offer.secret));
  }
  if (text.length > 40) expect(error.message).not.toContain(text.slice(10, 40));
}

for (const [name, samples, decode, encode] of [
  ['link', links, decodeLink, encodeLink],
  ['QR payload', qrs, decodeQrPayload, encodeQrPayload],
] as const) {
  fuzz(
    `${name}: an accepted one says the same when written again`,
    mutatedText(samples, 3),
    3_000,
    (text) => {
      const outcome = outcomeOf(() => decode(text));
      if (outcome.kind === 'refused') {
        keepsSecret(text, outcome.error);
        return;
      }
      const offer = outcome.value;
      expect(decode(encode(offer))).toEqual(offer);
      expect(parseEndpoint(offer.endpoint).origin).toBe(offer.endpoint);
      expect([offer.secret.length, offer.hostX25519.length, offer.hostCommit.length]).toEqual([16, 32, 32]);
    },
  );
}

fuzz(
  'join input: one of three kinds or an error that quotes nothing',
  mutatedText([...codes, ...links, ...qrs, 'did:keri:E', 'https://auths.example/pair'], 3),
  3_000,
  (text) => {
    const outcome = outcomeOf(() => parseJoinInput(text));
    if (outcome.kind === 'refused') keepsSecret(text, outcome.error);
    else expect(['code', 'qr', 'link']).toContain(outcome.value.kind);
  },
);

fuzz('codes: one canonical form', mutatedText(codes, 3), 2_500, (text) => {
  const code = accepted(() => parseCode(text));
  if (code === null) return;
  expect(parseCode(formatCode(code))).toEqual(code);
  expect(nameplateKind(code.nameplate)).toBe(code.kind);
  expect(code.text).toMatch(/^[0-9A-Z]{6,12}$/);
});

fuzz(
  'typed SAS: only the shown letters match',
  mutatedText(['ZMYR-C1HG', 'zmyr c1hg', '0OIL-1234'], 2),
  1_000,
  (text) => {
    if (isSameSas(text, 'ZMYR-C1HG'))
      expect(text.replace(/[\s-]/g, '').toUpperCase()).toMatch(/^ZMYRC[1IL]HG$/);
  },
);

const origins = [
  ...offers.map(({ endpoint }) => endpoint),
  'https://a.b-c.example:8443',
  'http://10.0.0.1',
  'https://[2001:db8::1]',
];
fuzz('endpoints: what we accept, a URL parser reads the same way', mutatedText(origins, 3), 3_000, (text) => {
  const endpoint = accepted(() => parseEndpoint(text));
  if (endpoint === null) return;
  const url = new URL(endpoint.origin);
  expect(url.origin).toBe(endpoint.origin);
  expect([url.pathname, url.search, url.hash, url.username, url.password].join('')).toBe('/');
  expect(parseEndpoint(endpoint.origin)).toEqual(endpoint);
  expect(new URL(text).origin).toBe(endpoint.origin);
});

const tokens = offers.map((offer, i) => ({
  v: 1,
  kind: i === 0 ? 'short6' : 'qr',
  attempt: i % 3,
  nameplate: i === 0 ? 'Z4' : undefined,
  ephemeral_pubkey: toBase64url(offer.hostX25519),
  host_commit: toBase64url(offer.hostCommit),
  expires_at: offer.expiresAt,
  pake_msg: toBase64url(new Uint8Array(65).fill(4)),
}));
fuzz('a relay\u2019s offer', mutatedJson(tokens), 2_500, (input) => {
  let token: unknown;
  try {
    token = JSON.parse(Buffer.from(input).toString('utf8'));
  } catch {
    return;
  }
  const offer = accepted(() =>
    parseOffer({ session_id: parseSessionId('ab'.repeat(16)), status: 'pending', ttl_seconds: 300, token }),
  );
  if (offer === null) return;
  expect([offer.hostX25519.length, offer.hostCommit.length, offer.pake.length]).toEqual([32, 32, 65]);
  expect(offer.attempt).toBeLessThan(3);
});

/** The decoder that the mDNS socket uses. */
const fromCli = createRequire(new URL('../../apps/cli/package.json', import.meta.url));
const dns = createRequire(createRequire(fromCli.resolve('bonjour-service')).resolve('multicast-dns'))(
  'dns-packet',
) as {
  encode: (packet: object) => Uint8Array;
  decode: (bytes: Buffer) => DnsPacket;
};
const answer = (nameplate: string, address: string): Uint8Array =>
  Uint8Array.from(
    dns.encode({
      type: 'response',
      answers: [
        { name: SERVICE, type: 'PTR', ttl: 120, data: `0a0b0c0d.${SERVICE}` },
        {
          name: `0a0b0c0d.${SERVICE}`,
          type: 'SRV',
          ttl: 120,
          data: { port: 4_000, target: '0a0b0c0d.local' },
        },
        { name: `0a0b0c0d.${SERVICE}`, type: 'TXT', ttl: 120, data: ['v=1', `np=${nameplate}`] },
        { name: '0a0b0c0d.local', type: 'A', ttl: 120, data: address },
      ],
    }),
  );
const packets = [answer('Z4', '192.168.1.7'), answer('Y9', '10.0.0.9'), answer('Z4', '8.8.8.8')];
fuzz(
  'mDNS answers: only the local network, only the nameplate, and bounded',
  fc.array(mutatedBytes(packets, 3), { minLength: 1, maxLength: 20 }),
  700,
  (heard) => {
    const reader = createAnswerReader('Z4');
    let candidates = 0;
    for (const bytes of heard) {
      let packet: DnsPacket;
      try {
        packet = dns.decode(Buffer.from(bytes));
      } catch {
        continue;
      }
      for (const { addresses, port } of reader.read(packet, '192.168.1.7', 'eth0')) {
        candidates += 1;
        expect(port > 0 && port < 65_536).toBe(true);
        expect(addresses.length).toBeLessThanOrEqual(8);
        for (const { address } of addresses) expect(address).not.toBe('8.8.8.8');
      }
    }
    expect(candidates).toBeLessThanOrEqual(64);
  },
);
fuzz(
  'mDNS answers of any shape',
  fc.array(fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true }), {
    maxLength: 6,
  }),
  600,
  (sections) => {
    const reader = createAnswerReader('Z4');
    for (const answers of sections)
      expect(Array.isArray(reader.read({ answers, additionals: [answers] }, '192.168.1.7', null))).toBe(true);
  },
);
