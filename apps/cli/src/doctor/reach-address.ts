/** What `auths doctor --listen` shows and `--reach` takes: where to call, and a check that is good for one call. */
import { createHash } from 'node:crypto';
import { normaliseCrockford, toCrockford } from '@auths/core/encoding/crockford';
import { AuthsError } from '@auths/core/errors';
import type { Random } from '@auths/core/ports';
import { isLinkLocal, parseBind, urlHost, type LanAddress } from '../lan/addresses.ts';

export interface ReachAddress {
  /** IP literal; link-local IPv6 with its zone where one was typed. */
  readonly address: string;
  readonly port: number;
  /** Eight Crockford letters. They grant nothing: they tell this call from whatever else comes to a port. */
  readonly check: string;
}

/** A fresh check, 40 bits. */
export function createCheck(random: Random): string {
  return toCrockford(random.bytes(5));
}

/** `10.77.0.1:41233/7Q2M9XKD`, IPv6 in brackets. */
export function reachText(address: LanAddress, port: number, check: string): string {
  return `${urlHost(address.address)}:${port}/${check}`;
}

/** The way back, `http://` before it allowed. Anything else is `usage/invalid`. */
export function parseReach(typed: string): ReachAddress {
  const bare = typed.trim().replace(/^http:\/\//, '');
  const slash = bare.lastIndexOf('/');
  const check = slash < 0 ? null : normaliseCrockford(bare.slice(slash + 1));
  if (check?.length !== 8) {
    throw new AuthsError('usage/invalid', `--reach ${typed} does not end with a check of eight letters`, {
      hint: 'run auths doctor --network --listen on the other device and type the whole address that it shows',
    });
  }
  const { address, port } = parseBind(bare.slice(0, slash), '--reach');
  if (port === 0) {
    throw new AuthsError('usage/invalid', `--reach ${typed} names no port`, {
      hint: 'type the whole address that auths doctor --network --listen shows on the other device',
    });
  }
  return { address, port, check };
}

/** What a listener answers to a call with this check: whoever has not been told it cannot say it. */
export function proofOf(check: string): string {
  return digest(`auths-reach/1 answer ${check}`);
}

/** What a listener is called in mDNS. No code has such a nameplate, so no joiner comes. */
export function reachName(check: string): string {
  return `reach-${digest(`auths-reach/1 name ${check}`).slice(0, 8)}`;
}

/** The interfaces by which an address may be called: the one that was typed, each own one for link-local IPv6 without, else none. */
export function scopesOf(address: string, own: readonly string[]): readonly (string | null)[] {
  const [bare = '', zone] = address.split('%');
  if (!isLinkLocal(bare)) return [null];
  return zone === undefined ? own : [zone];
}

function digest(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
