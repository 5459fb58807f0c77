/**
 * `auths pair` on the authority: opens a session, waits for a device that knows the code, lets a person compare, grants.
 * At most two more sessions follow one that expired or was used up, each with new keys, secrets and name.
 */
import { sortCapabilities } from '../attestation/capability.ts';
import { guardedRandom } from '../crypto/random.ts';
import { hasCode } from '../errors.ts';
import type { SlotKind } from '../pairing/code.ts';
import type { HostSession } from '../pairing/host-session.ts';
import type { HostKeyed } from '../pairing/host.ts';
import { LINGER_MS, RENEWALS } from '../pairing/limits.ts';
import type { CancelSignal } from '../ports.ts';
import { race } from './cancel.ts';
import { confirmRule, nobody, requireConsent } from './host-consent.ts';
import type { Admit, Granted } from './host-grant.ts';
import type { GrantPorts } from './host-hand-over.ts';
import { firstSession, giveUp, requireSound, shownWhenOpen, type Pairing } from './host-open.ts';
import type { PairedResult, PairHostCallbacks, PairHostDeps, PairHostOptions } from './pair-host-ports.ts';

export type {
  HostFace,
  HostJoined,
  HostOffer,
  PairedResult,
  PairHostCallbacks,
  PairHostDeps,
  PairHostOptions,
} from './pair-host-ports.ts';

/**
 * Pairs one device. Rejects with the error of the protocol by which it ended; then nothing was granted: no seal, no record, no
 * token that works. Pairings that a crash left unfinished are finished first.
 */
export async function pairHost(
  deps: PairHostDeps,
  options: PairHostOptions,
  callbacks: PairHostCallbacks,
  signal?: CancelSignal,
): Promise<PairedResult> {
  const guarded = { ...deps, random: guardedRandom(deps.random) };
  const settled = { ...options, capabilities: sortCapabilities(options.capabilities) };
  requireSomebody(settled);
  let found: Promise<GrantPorts> | null = null;
  let loaded: ReturnType<Pairing['steps']> | null = null;
  const steps = (): ReturnType<Pairing['steps']> => (loaded ??= import('./host-steps.ts'));
  const sound = (): Promise<GrantPorts> => (found ??= steps().then((own) => requireSound(guarded, own)));
  const on: Pairing = { deps: guarded, options: settled, callbacks, signal, sound, steps };
  for (let renewals = 0; ; renewals++) {
    const session = await (renewals === 0 ? firstSession(on) : shownWhenOpen(on));
    try {
      return await runSession(on, session);
    } catch (error) {
      const why = renewableReason(error);
      if (why === null || renewals >= RENEWALS || callbacks.renew === undefined) throw error;
      if (!(await callbacks.renew(why))) throw error;
    }
  }
}

function renewableReason(error: unknown): 'session-expired' | 'attempts-exhausted' | null {
  if (hasCode(error, 'pairing/session-expired')) return 'session-expired';
  return hasCode(error, 'pairing/attempts-exhausted') ? 'attempts-exhausted' : null;
}

/** With nobody to ask, a session whose every way in needs somebody is refused before it is opened. */
function requireSomebody(options: PairHostOptions): void {
  if (options.canAsk) return;
  const kinds: SlotKind[] = options.code === null ? [] : [options.code];
  if (options.qr) kinds.push('qr');
  if (options.link) kinds.push('link');
  if (kinds.every((kind) => confirmRule(kind, options) !== 'none')) throw nobody('nobody is there to ask');
}

/** Steps 2 to 9 of one session; however it ends, the relay is told. */
async function runSession(on: Pairing, session: HostSession): Promise<PairedResult> {
  const { deps, options, callbacks, signal } = on;
  const { clock, relay } = deps;
  const { sessionId, token } = session;
  const { awaitKeyed, grant, insist } = await on.steps();
  let granted: Granted;
  try {
    const timeoutMs = options.timeoutMs ?? null;
    const { onAttempt } = callbacks;
    const keyed = await race<HostKeyed>(signal, [
      (own) => awaitKeyed({ clock, relay, session, timeoutMs, onAttempt, signal: own }),
      // A host that turns out not to be one ends the wait at once.
      () => on.sound().then(() => new Promise<never>(() => {})),
    ]);
    const ports = await on.sound();
    const admit = admission(ports, options, callbacks, keyed.slot.kind);
    granted = await grant(ports, options, keyed, admit, signal);
  } catch (error) {
    await giveUp(on, session);
    throw error;
  }
  const { device, link } = granted;
  const paired = { deviceDid: device.did, deviceName: device.name, attestation: link };
  callbacks.onPaired?.(paired);
  await insist(clock, undefined, (own) => relay.complete(sessionId, token, own)).catch(() => {});
  await callbacks.linger?.(sessionId, LINGER_MS);
  return paired;
}

function admission(
  ports: GrantPorts,
  options: PairHostOptions,
  callbacks: PairHostCallbacks,
  kind: SlotKind,
): Admit {
  return async ({ device, sas }, signal) => {
    const confirm = confirmRule(kind, options);
    const shown = { kind, deviceDid: device.did, deviceName: device.name, sas };
    callbacks.onJoined({ ...shown, confirm });
    if (confirm === 'none') return;
    if (!options.canAsk) throw nobody('nobody is there to ask');
    await requireConsent(ports.clock, callbacks.ask, { ...shown, confirm }, options.sasTries, signal);
  };
}
