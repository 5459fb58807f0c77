/** What to do next, for each way in which a pairing fails that has something to do. The code stays; the hint is for where it happened. */
import { AuthsError, isAuthsError } from '@auths/core/errors';
import { version } from '../version.ts';

export interface Situation {
  readonly side: 'host' | 'join';
  readonly mode: 'lan' | 'registry';
  /** The host or registry that was named or scanned; null where it was searched for. */
  readonly endpoint: string | null;
}

/** The same error with the hint that fits; anything else unchanged. */
export function explain(error: unknown, situation: Situation): unknown {
  if (!isAuthsError(error)) return error;
  const hint = hintFor(error, situation);
  if (hint === null) return error;
  return new AuthsError(error.code, error.message, { hint, details: error.details as never, cause: error });
}

function hintFor(error: AuthsError, situation: Situation): string | null {
  const { endpoint, mode, side } = situation;
  switch (error.code) {
    case 'network/unreachable':
      return mode === 'registry' ? registryHint(endpoint) : lanHint(endpoint);
    case 'pairing/not-found':
      if (side === 'host') return null;
      return mode === 'registry'
        ? `is "auths pair" running on the other device, with the same --registry ${endpoint ?? 'URL'}, and is the code younger than five minutes? ${localhostHint(endpoint)}`.trim()
        : 'is "auths pair" running on the other device, and is the code younger than five minutes? Enter it as it is shown there';
    case 'pairing/no-peer':
      if (endpoint !== null) return mode === 'registry' ? registryHint(endpoint) : lanHint(endpoint);
      return 'are both devices on the same subnet, and does the router keep Wi-Fi clients apart (client isolation)? Give the address that the host shows with --host URL, or use a registry on both sides with --registry URL';
    case 'pairing/session-expired':
      return 'run auths pair on the host again for a fresh code';
    case 'pairing/pake-failed':
      return side === 'join'
        ? 'check the code and type it again; if it is right, someone is in between, and auths pair on the host gives a fresh code'
        : (error.hint ?? null);
    case 'pairing/misdirected-host':
      return 'the host does not answer to that name: use its address, or start it with --allow-host NAME';
    case 'pairing/invalid-signature':
      return `the two programs may not speak the same version: this one is auths ${version}, see auths --version on the other device`;
    case 'pairing/unsupported-version':
      return `this is auths ${version} and speaks auths-pair/1; see auths --version on the other device`;
    default:
      return null;
  }
}

function lanHint(endpoint: string | null): string {
  const test = endpoint === null ? '' : `try curl ${endpoint}/health from here; `;
  return `${test}are both devices on the same subnet, does a firewall on the host let the program in, does the router isolate Wi-Fi clients, and may the app use the local network (on a phone: its Local Network permission)?`;
}

function registryHint(endpoint: string | null): string {
  return `is auths-registry running there? Both devices need the same --registry URL. ${localhostHint(endpoint)}`.trim();
}

/** Another machine's localhost is another machine. */
function localhostHint(endpoint: string | null): string {
  if (endpoint === null || !/^https?:\/\/(?:localhost|127\.|\[::1\])/.test(endpoint)) return '';
  return 'localhost means this machine only: from another device use the address that auths-registry prints as reachable.';
}
