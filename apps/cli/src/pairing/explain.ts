/** What to do next, for each way in which a pairing fails that has something to do. The code stays; the words are for where it happened. */
import { AuthsError, isAuthsError } from '@auths/core/errors';
import { version } from '../version.ts';
import { obstacleOf, obstacleWords, type Obstacle, type ObstacleKind } from './obstacle.ts';

export interface Situation {
  readonly side: 'host' | 'join';
  readonly mode: 'lan' | 'registry';
  /** The host or registry that was named or scanned; null where it was searched for. */
  readonly endpoint: string | null;
  /** False on a machine that has loopback alone. */
  readonly connected: boolean;
}

const FRESH_CODE = 'run auths pair on the host again for a fresh code, then here auths pair --join CODE';
const NO_SUCH_CODE = 'code not found: no pairing waits there under it, or not any more';

interface Words {
  readonly message?: string;
  readonly hint: string;
}

/** The same error in the words that fit; anything else unchanged. */
export function explain(error: unknown, situation: Situation): unknown {
  if (!isAuthsError(error)) return error;
  const words = wordsFor(error, situation);
  if (words === null) return error;
  const { message = error.message, hint } = words;
  return new AuthsError(error.code, message, { hint, details: error.details as never, cause: error });
}

function wordsFor(error: AuthsError, situation: Situation): Words | null {
  const { endpoint, mode, side } = situation;
  switch (error.code) {
    case 'network/unreachable':
    case 'pairing/no-peer':
    case 'pairing/timeout':
      return unreached(error, situation);
    case 'pairing/not-found':
      if (side === 'host') {
        return {
          message: `${endpoint ?? 'the registry'} no longer knows this session: it was restarted, or ended it`,
          hint: 'nothing was granted; run auths pair again for a fresh code',
        };
      }
      return mode === 'registry'
        ? {
            message: NO_SUCH_CODE,
            hint: `is "auths pair" running on the other device, with the same --registry ${endpoint ?? 'URL'}, and is the code younger than five minutes? ${localhostHint(endpoint)}`.trim(),
          }
        : {
            message: NO_SUCH_CODE,
            hint: 'is "auths pair" running on the other device, and is the code younger than five minutes? Enter it as it is shown there',
          };
    case 'pairing/session-expired':
      return { hint: 'run auths pair on the host again for a fresh code' };
    case 'pairing/attempts-exhausted':
      return side === 'host' ? null : { hint: FRESH_CODE };
    case 'pairing/cancelled':
      return { hint: side === 'host' ? 'run auths pair again for a fresh code' : FRESH_CODE };
    case 'pairing/host-identity-invalid':
      return {
        hint: 'run auths doctor on the host and then auths pair there again; if it says the same once more, do not trust that host',
      };
    case 'pairing/rate-limited':
      return { hint: `wait ${waitOf(error)}, then run the same command again` };
    case 'pairing/malformed':
      return error.hint === undefined
        ? { hint: `this is auths ${version}; see auths --version on the other device` }
        : null;
    case 'pairing/pake-failed':
      if (side === 'host') return null;
      return {
        hint: 'check the code and type it again; if it is right, someone is in between, and auths pair on the host gives a fresh code',
      };
    case 'pairing/misdirected-host':
      return {
        hint: 'the host does not answer to that name: use its address, or start it with --allow-host NAME',
      };
    case 'pairing/invalid-signature':
      return {
        hint: `the two programs may not speak the same version: this one is auths ${version}, see auths --version on the other device`,
      };
    case 'pairing/unsupported-version':
      return {
        hint: `this is auths ${version} and speaks auths-pair/1; see auths --version on the other device`,
      };
    default:
      return null;
  }
}

/** As long as the other side asked for. */
function waitOf({ details }: AuthsError): string {
  const seconds = details['retry_after'];
  return typeof seconds === 'number' ? `${seconds} s` : 'a minute';
}

/** Nobody was reached, or somebody no longer is. */
function unreached(error: AuthsError, situation: Situation): Words | null {
  const { connected, endpoint, mode, side } = situation;
  const obstacle = obstacleOf(error);
  if (error.code === 'pairing/timeout') {
    if (obstacle === null) return null;
    return {
      message: `${obstacle.url} no longer answers: ${obstacleWords(obstacle.kind)}`,
      hint:
        mode === 'registry'
          ? `is auths-registry still running there? Then start again on both sides. ${localhostHint(obstacle.url)}`.trim()
          : 'has auths pair ended there, is the other device asleep, or has one of the two left the network? Start again on both sides: auths pair',
    };
  }
  if (obstacle !== null) {
    // Our own words for a place that cannot be listened on are better than any guess from here.
    if (mode === 'lan' && side === 'host') return null;
    return {
      ...(obstacle.kind === 'other'
        ? {}
        : { message: `${obstacle.url} cannot be reached: ${obstacleWords(obstacle.kind)}` }),
      hint: mode === 'registry' ? registryHint(obstacle) : lanHint(obstacle),
    };
  }
  if (endpoint !== null) {
    const silent: Obstacle = { kind: 'silent', url: endpoint };
    return { hint: mode === 'registry' ? registryHint(silent) : lanHint(silent) };
  }
  if (!connected) {
    return {
      message: 'no peer found: this machine is on no local network',
      hint: 'connect it to the network of the other device and join again, or use a registry on both sides with --registry URL',
    };
  }
  return {
    message:
      error.cause === undefined ? 'no peer found on local network: nobody answered by mDNS' : error.message,
    hint: 'is "auths pair" running on the other device, are both on the same subnet, does a firewall let mDNS (UDP port 5353) in, and does the router keep Wi-Fi clients apart (client isolation)? Give the address that the host shows with --host URL, or use a registry on both sides with --registry URL',
  };
}

/** What each obstacle usually is, before the list of all of them. */
const LAN_CAUSES: Readonly<Record<ObstacleKind, string>> = {
  refused:
    'is "auths pair" still running there and is the port the one it shows? A firewall can refuse like this too.',
  silent: 'a firewall on the host, or a router that keeps Wi-Fi clients apart, stays silent like this.',
  absent: 'is the address the one that the host shows, and is that device awake and on this network?',
  'no-route':
    'this device is not on the network of the host: connect it there, or use a registry on both sides with --registry URL.',
  'unknown-name': 'use the address that the host shows instead of a name.',
  'filtered-here': 'a firewall or a permission on this device stands in the way.',
  other: '',
};

function lanHint({ kind, url }: Obstacle): string {
  return `${LAN_CAUSES[kind]} Try curl ${url}/health from here. Are both devices on the same subnet, does a firewall on the host let auths in from this network, does the router isolate Wi-Fi clients (client isolation), and may the app use the local network (on a phone: its Local Network permission)?`.trim();
}

function registryHint({ kind, url }: Obstacle): string {
  const cause =
    kind === 'silent' || kind === 'filtered-here'
      ? 'Does a firewall there let that port in?'
      : kind === 'no-route'
        ? 'Is this machine connected?'
        : '';
  return `is auths-registry running there? Both devices need the same --registry URL; try curl ${url}/health from here. ${cause} ${localhostHint(url)}`
    .replaceAll(/ +/g, ' ')
    .trim();
}

/** True for an origin that every machine takes for itself. */
export function isOwnOrigin(endpoint: string): boolean {
  return /^https?:\/\/(?:localhost|127\.|\[::1\])/.test(endpoint);
}

/** Another machine's localhost is another machine. */
function localhostHint(endpoint: string | null): string {
  if (endpoint === null || !isOwnOrigin(endpoint)) return '';
  return 'localhost means this machine only: from another device use the address that auths-registry prints as reachable.';
}
