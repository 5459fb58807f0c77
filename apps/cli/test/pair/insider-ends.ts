/** The ends of somebody who knows the code, over real sockets: a joiner at one relay, a host at another. */
import { createHostRelay, createJoinerRelay } from '@auths/pairing-http/client';
import { createFetchTransport } from '@auths/pairing-http/fetch-transport';
import { parseCode, type PairingCode } from '@auths/core/pairing/code';
import type { LyingHost } from '@auths/testing/lying-host';
import { newDevice, type LyingJoiner } from '@auths/testing/lying-joiner';
import { realClock, realRandom, realScrypt } from '@auths/testing/real-world';
import { createAuthority, type TestAuthority } from '@auths/testing/two-device-world';

const world = { clock: realClock, random: realRandom, scrypt: realScrypt };

/** A joiner with keys of its own. */
export function lyingJoinerAt(origin: string, name = 'insider'): LyingJoiner {
  const relay = createJoinerRelay(createFetchTransport(origin), origin);
  return { ...world, relay, device: newDevice(realRandom, name) };
}

/** A host with an identity of its own, unless it is given one. */
export async function lyingHostAt(origin: string, authority?: TestAuthority): Promise<LyingHost> {
  const relay = createHostRelay(createFetchTransport(origin), origin);
  return { ...world, relay, authority: authority ?? (await createAuthority(realClock, realRandom)) };
}

export function codeFrom(typed: unknown): PairingCode {
  return parseCode(String(typed));
}

/** Another code with the same nameplate: whoever has seen the relay can guess no better. */
export function guessOf(typed: unknown): PairingCode {
  const text = String(typed);
  return parseCode(text.slice(0, -1) + (text.endsWith('2') ? '3' : '2'));
}
