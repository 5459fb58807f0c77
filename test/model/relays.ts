/** Relays in memory, with the shipped routes, rules, limits and store; and the wires to them, which lose, repeat and delay. */
import { AuthsError } from '../../packages/core/src/errors.ts';
import type { PairingTransport, RelayRequest, RelayResponse } from '../../packages/core/src/ports.ts';
import type { SessionStore } from '../../packages/core/src/pairing/relay.ts';
import type { RelaySession } from '../../packages/core/src/pairing/session.ts';
import { createDirectTransport } from '../../packages/pairing-http/src/direct-transport.ts';
import type { PairingHttpDeps } from '../../packages/pairing-http/src/http.ts';
import { DEFAULT_LIMITS, LAN_LIMITS } from '../../packages/pairing-http/src/limits.ts';
import { createMemoryLimiter } from '../../packages/pairing-http/src/memory-limiter.ts';
import { createMemorySessions } from '../../packages/pairing-http/src/memory-sessions.ts';
import type { Process, Scheduler } from './scheduler.ts';

export interface Relay {
  readonly name: string;
  readonly endpoint: string;
  readonly process: Process;
  readonly deps: PairingHttpDeps;
  /** Of a LAN host: who comes while the session is being opened waits at the door. */
  opening: Promise<unknown>;
}

/** What a relay saw and said: all that it could give away. */
interface Seen {
  readonly request: RelayRequest;
  response: RelayResponse | null;
}

export interface Wires {
  readonly scheduler: Scheduler;
  readonly seen: Seen[];
  /** The newest version of every session, as its relay keeps it. */
  readonly sessions: Map<string, RelaySession>;
  /** How likely a request or an answer is lost, and a request delivered twice. */
  losses: number;
  repeats: number;
  /** For mutations: what stands in the place of the store. */
  readonly brokenStore: (real: SessionStore) => SessionStore;
}

/** A relay of its own (`registry`), or the one within a LAN host, which ends with that process. */
export function openRelay(wires: Wires, name: string, within: Process | null): Relay {
  const { scheduler } = wires;
  const process = scheduler.start(name, () => new Promise(() => {}));
  // It waits for the world, not for a step.
  process.waits += 1;
  within?.onEnd.add(() => scheduler.kill(process));
  const clock = scheduler.clockOf(process, { offset: 0 });
  const limits = within === null ? DEFAULT_LIMITS : LAN_LIMITS;
  const real = createMemorySessions({ clock, limits });
  const keep = (session: RelaySession): void => void wires.sessions.set(session.id, session);
  const scheduled: SessionStore = {
    ...real,
    create: (session) =>
      scheduler.gate(process, 'opens a session', async () => {
        const outcome = await real.create(session);
        if (outcome === 'created') keep(session);
        return outcome;
      }),
    replace: (next) =>
      scheduler.gate(process, 'swaps a session', async () => {
        const outcome = await real.replace(next);
        if (outcome === 'done') keep(next);
        return outcome;
      }),
    changed: (id, version, ms, signal) =>
      scheduler
        .hold(process, real.changed(id, version, ms, signal))
        .then(() => scheduler.gate(process, 'wakes a call', () => {})),
  };
  const deps: PairingHttpDeps = {
    store: wires.brokenStore(scheduled),
    limits,
    limiter: createMemoryLimiter({ clock, limits }),
    clock,
    mayCreate: within === null ? 'anyone' : 'local',
  };
  return {
    name,
    // Any private address: nothing listens there.
    endpoint: within === null ? 'https://relay.example' : 'http://192.168.7.1:4000',
    process,
    deps,
    opening: Promise.resolve(),
  };
}

/** The calls of one process to a relay. A LAN host's own calls never cross a network. */
export function connect(
  wires: Wires,
  client: Process,
  relay: () => Relay,
  as: { readonly local: boolean; readonly remoteAddress: string },
): PairingTransport {
  const { scheduler } = wires;
  const { dice } = scheduler;
  const lost = (): boolean => !as.local && dice.chance(wires.losses);

  /** The request arrives, once. */
  function arrive(request: RelayRequest, line: AbortSignal): Promise<RelayResponse> {
    const { process, deps, opening } = relay();
    if (process.outcome !== null) return Promise.reject(unreachable());
    const seen: Seen = { request: structuredClone(request), response: null };
    wires.seen.push(seen);
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(unreachable());
      process.onEnd.add(gone);
      const open = as.local ? Promise.resolve() : opening.catch(() => {});
      open
        .then(() => createDirectTransport(deps, as).send(request, line))
        .then((response) => {
          seen.response = response;
          resolve(response);
        }, reject)
        .finally(() => process.onEnd.delete(gone));
    });
  }

  return {
    async send(request, signal) {
      const label = `${request.method} ${shortPath(request.path)}`;
      const line = new AbortController();
      const hangUp = (): void => line.abort(signal?.reason);
      client.onEnd.add(hangUp);
      signal?.addEventListener('abort', hangUp, { once: true });
      const once = (): Promise<RelayResponse> => {
        const answer = arrive(request, line.signal);
        answer.catch(() => {});
        return answer;
      };
      const again = (): void => {
        const copy = structuredClone(request);
        scheduler.later(`→ ${label} once more`, () => {
          arrive(copy, new AbortController().signal).catch(() => {});
        });
      };
      try {
        const { answer } = await scheduler.gate(
          client,
          `→ ${label}`,
          () => {
            if (lost()) throw unreachable();
            if (!as.local && dice.chance(wires.repeats)) again();
            return { answer: once() };
          },
          {
            outlives: true,
            signal,
            // It may have left before its sender gave up.
            onLeave: () => {
              if (!as.local && dice.chance(0.5)) again();
            },
          },
        );
        const response = await scheduler.hold(client, answer);
        return await scheduler.gate(
          client,
          `← ${response.status} ${label}`,
          () => {
            if (lost()) throw unreachable();
            return response;
          },
          { signal },
        );
      } finally {
        client.onEnd.delete(hangUp);
        signal?.removeEventListener('abort', hangUp);
      }
    },
  };
}

/** Without what names a session, so that two walks that do the same look the same. */
function shortPath(path: string): string {
  return path.slice('/v1/pairing/sessions'.length).replace(/[0-9a-f]{32}/, 'id');
}

function unreachable(): AuthsError<'network/unreachable'> {
  return new AuthsError('network/unreachable', 'nobody answers', { details: { url: 'model' } });
}
