/**
 * Who may be the host that a joiner means: the address that was given or scanned, or up to three answers of
 * the local network, each looked for only when those before it have failed.
 */
import { AuthsError, hasCode } from '@auths/core/errors';
import { parseEndpoint } from '@auths/core/pairing/endpoint';
import { RUNS_PER_CODE } from '@auths/core/pairing/limits';
import type { JoinerRelay } from '@auths/core/pairing/relay';
import type { JoinInput } from '@auths/core/pairing/uri';
import type { CancelSignal, PairingTransport, RelayRequest } from '@auths/core/ports';
import { createJoinerRelay } from '@auths/pairing-http/client';
import { createFetchTransport } from '@auths/pairing-http/fetch-transport';
import { isLinkLocal, urlHost } from '../lan/addresses.ts';
import type { Candidate, CandidateAddress, Discovery } from '../lan/discovery.ts';
import { createNeighbourTransport } from '../lan/http-transport.ts';
import { interfaceAddresses } from '../lan/interfaces.ts';

/** The endpoint of a relay of `searchLan` that has found nobody so far. */
export const NOT_FOUND_YET = 'the local network';
/** After one answer has failed the next is waited for this long: an honest host has answered by then. */
const NEXT_MS = 2_500;

/**
 * The relay at an origin. A link-local address is looked for on the interface `zone`, or, as an origin has no place
 * for one, on every interface.
 */
export function relayAt(endpoint: string, zone: string | null): JoinerRelay {
  const { host, port } = parseEndpoint(endpoint, { allowedNames: 'any' });
  if (!isLinkLocal(host)) return createJoinerRelay(createFetchTransport(endpoint), endpoint);
  const own = interfaceAddresses().filter(({ address }) => isLinkLocal(address));
  const scopes = zone === null ? new Set(own.map(({ interface: scope }) => scope)) : [zone];
  const addresses = Array.from(scopes, (scope) => ({ address: host, family: 6, scope }) as const);
  return createJoinerRelay(
    firstThatAnswers(addresses.map((address) => createNeighbourTransport(address, port))),
    endpoint,
  );
}

/** Stops the search when the command is over. */
export interface Search {
  readonly relays: readonly JoinerRelay[];
  readonly stop: () => void;
}

/**
 * Relays for the answers to a nameplate. Each waits, when it is first used, for an answer of its own; `no-peer` when
 * none comes in time, or, saying why, when this machine cannot search.
 */
export function searchLan(
  discovery: Discovery,
  input: Extract<JoinInput, { readonly kind: 'code' }>,
): Search {
  const stopped = new AbortController();
  const answers = discovery.browse(input.code.nameplate, stopped.signal)[Symbol.asyncIterator]();
  const relays = Array.from({ length: RUNS_PER_CODE }, (_, i) => {
    let found: Promise<JoinerRelay> | null = null;
    let endpoint = NOT_FOUND_YET;
    const relay = (signal?: CancelSignal): Promise<JoinerRelay> => {
      found ??= nextAnswer(answers, i === 0 ? null : NEXT_MS, signal).then((candidate) => {
        endpoint = originOf(candidate);
        return createJoinerRelay(transportTo(candidate), endpoint);
      });
      return found;
    };
    return lazily(relay, () => endpoint);
  });
  return {
    relays,
    stop: () => {
      stopped.abort();
    },
  };
}

function nextAnswer(
  answers: AsyncIterator<Candidate>,
  ms: number | null,
  signal: CancelSignal | undefined,
): Promise<Candidate> {
  return new Promise((resolve, reject) => {
    const late = ms === null ? undefined : setTimeout(() => settle(() => reject(noAnswer())), ms);
    const abort = (): void => settle(() => reject(signal?.reason));
    const settle = (how: () => void): void => {
      clearTimeout(late);
      signal?.removeEventListener('abort', abort);
      how();
    };
    signal?.addEventListener('abort', abort, { once: true });
    answers.next().then(
      (next) => settle(() => (next.done === true ? reject(noAnswer()) : resolve(next.value))),
      (cause: unknown) => settle(() => reject(cannotSearch(cause))),
    );
  });
}

function noAnswer(): AuthsError<'pairing/no-peer'> {
  return new AuthsError('pairing/no-peer', 'no peer found on local network');
}

function cannotSearch(cause: unknown): AuthsError<'pairing/no-peer'> {
  return new AuthsError(
    'pairing/no-peer',
    `the local network cannot be searched: ${(cause as Error).message}`,
    { cause },
  );
}

/** A relay whose calls go to another one, which is made by the first of them. */
function lazily(relay: (signal?: CancelSignal) => Promise<JoinerRelay>, endpoint: () => string): JoinerRelay {
  return {
    get endpoint() {
      return endpoint();
    },
    findByNameplate: async (nameplate, signal) => (await relay(signal)).findByNameplate(nameplate, signal),
    findByClaim: async (session, claim, signal) => (await relay(signal)).findByClaim(session, claim, signal),
    respond: async (session, body, claim, signal) =>
      (await relay(signal)).respond(session, body, claim, signal),
    confirmation: async (session, token, signal) =>
      (await relay(signal)).confirmation(session, token, signal),
    send: async (session, token, message, signal) =>
      (await relay(signal)).send(session, token, message, signal),
    receive: async (session, token, after, signal) =>
      (await relay(signal)).receive(session, token, after, signal),
  };
}

function originOf({ addresses, port }: Candidate): string {
  const [first] = addresses;
  return `http://${urlHost(first?.address ?? '')}:${port}`;
}

function transportTo({ addresses, port }: Candidate): PairingTransport {
  return firstThatAnswers(
    addresses.map((address: CandidateAddress) => createNeighbourTransport(address, port)),
  );
}

/** Tries the ways in turn until one answers, and stays with that one. */
function firstThatAnswers(ways: readonly PairingTransport[]): PairingTransport {
  let chosen: PairingTransport | null = null;
  return {
    send: async (request: RelayRequest, signal) => {
      if (chosen !== null) return chosen.send(request, signal);
      let failure: unknown = noAnswer();
      for (const way of ways) {
        try {
          const answer = await way.send(request, signal);
          chosen = way;
          return answer;
        } catch (error) {
          if (!hasCode(error, 'network/unreachable')) throw error;
          failure = error;
        }
      }
      throw failure;
    },
  };
}
