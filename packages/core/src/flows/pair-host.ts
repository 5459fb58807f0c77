/**
 * `auths pair` on the authority: opens a session, waits for a device that knows the code, lets a person compare, grants.
 * At most two more sessions follow one that expired or was used up, each with new keys, secrets and name.
 */
import type { LinkRecord } from '../attestation/attestation.ts';
import { sortCapabilities } from '../attestation/capability.ts';
import { guardedRandom } from '../crypto/random.ts';
import { x25519PublicKey } from '../crypto/x25519.ts';
import { hasCode } from '../errors.ts';
import type { DidKey, SessionId } from '../identifiers.ts';
import { formatCode, type CodeKind, type SlotKind } from '../pairing/code.ts';
import { createBodyOf, createHostSession, outOfBandOf, type HostSession } from '../pairing/host-session.ts';
import { LINGER_MS, RENEWALS } from '../pairing/limits.ts';
import type { HostRelay } from '../pairing/relay.ts';
import { encodeLink, encodeQrPayload } from '../pairing/uri.ts';
import type { CancelSignal } from '../ports.ts';
import { insist } from './conversation.ts';
import { finishPairings } from './finish-pairings.ts';
import {
  confirmRule,
  nobody,
  requireConsent,
  type Ask,
  type ConfirmRule,
  type ConsentOptions,
} from './host-consent.ts';
import { requireAuthority } from './host-authority.ts';
import { grant, type Admit, type GrantOptions, type Granted } from './host-grant.ts';
import { awaitKeyed, type HostAttempt } from './host-wait.ts';
import type { HostIdentity, PairingWorld } from './pairing-ports.ts';

export interface PairHostDeps extends PairingWorld {
  readonly relay: HostRelay;
  readonly host: HostIdentity;
}

export interface PairHostOptions extends ConsentOptions, GrantOptions {
  /** The typed code to offer; null for none. */
  readonly code: CodeKind | null;
  readonly qr: boolean;
  readonly link: boolean;
  /** 30 to 300. */
  readonly ttlSeconds: number;
  /** Whether anybody can be asked at all. */
  readonly canAsk: boolean;
  /** How often a person may type the SAS: 3 on a terminal, else 1. */
  readonly sasTries: number;
  /** Until a device answers; default the session's life. */
  readonly timeoutMs?: number;
  /** Origin whose page opens links and QR codes (https registries that serve it). */
  readonly page?: string;
}

/** What is shown to the person, or printed as `offer`. */
export interface HostOffer {
  /** Of the typed code, else qr or link. */
  readonly kind: SlotKind;
  /** Grouped, as it is read out; null without one. */
  readonly code: string | null;
  /** Public; for mDNS. */
  readonly nameplate: string | null;
  readonly sessionId: SessionId;
  readonly endpoint: string;
  /** What the QR holds. */
  readonly uri: string | null;
  readonly link: string | null;
  /** Epoch ms. */
  readonly expiresAt: number;
  readonly capabilities: readonly string[];
}

export interface HostJoined {
  readonly kind: SlotKind;
  readonly deviceDid: DidKey;
  /** Cleaned, safe to show. */
  readonly deviceName: string;
  readonly sas: string;
  readonly confirm: ConfirmRule;
}

export interface PairedResult {
  readonly deviceDid: DidKey;
  readonly deviceName: string;
  readonly attestation: LinkRecord;
}

export interface PairHostCallbacks {
  readonly onOffer: (offer: HostOffer) => void | Promise<void>;
  readonly onAttempt: (attempt: HostAttempt) => void;
  readonly onJoined: (joined: HostJoined) => void;
  readonly ask: Ask;
  /** Called as soon as the grant stands. */
  readonly onPaired?: (paired: PairedResult) => void;
  /** `code12`: no short code was free, so the longer kind is offered. */
  readonly onNotice?: (notice: 'code12') => void;
  /** Asked after a session that expired or was used up; without it nothing is renewed. */
  readonly renew?: (why: 'session-expired' | 'attempts-exhausted') => Promise<boolean>;
  /** Keeps a LAN host up until the last message was fetched, at most `maxMs`. */
  readonly linger?: (session: SessionId, maxMs: number) => Promise<void>;
}

/** A nameplate that is taken is drawn again this often. */
const DRAWS = 12;
/** After a session that failed, this long for the other side to hear of it. */
const LAST_WORD_MS = 1_000;

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
  const ports = { ...deps, random: guardedRandom(deps.random) };
  const settled = { ...options, capabilities: sortCapabilities(options.capabilities) };
  requireSomebody(settled);
  // Before a code is shown: the log replays, this key is its current one, and what a device needs can be handed over.
  await finishPairings(ports);
  await requireAuthority(ports);
  for (let renewals = 0; ; renewals++) {
    const session = await openSession(ports, settled, callbacks, signal);
    try {
      return await runSession(ports, settled, callbacks, session, signal);
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

/** Step 1. A nameplate that is taken costs a new draw; when short codes are used up the twelve-letter kind is offered. */
async function openSession(
  ports: PairHostDeps,
  options: PairHostOptions,
  callbacks: PairHostCallbacks,
  signal: CancelSignal | undefined,
): Promise<HostSession> {
  const { clock, random, relay, host, scrypt } = ports;
  let code = options.code;
  for (let draw = 1; ; draw++) {
    const session = createHostSession({
      random,
      now: { monotonic: clock.monotonic(), wall: clock.now() },
      ttlSeconds: options.ttlSeconds,
      code,
      qr: options.qr,
      link: options.link,
      controllerDid: host.controllerDid,
      signingKey: host.identity.publicKey,
      hostStatic: x25519PublicKey(host.channelSecret),
      ...(scrypt === undefined ? {} : { scrypt }),
    });
    try {
      await relay.create(createBodyOf(session), signal);
      return session;
    } catch (error) {
      if (hasCode(error, 'pairing/nameplate-exhausted') && code === 'short6') {
        code = 'code12';
        callbacks.onNotice?.('code12');
      } else if (!hasCode(error, 'pairing/conflict') || draw >= DRAWS) throw error;
    }
  }
}

function offerShown(session: HostSession, options: PairHostOptions, endpoint: string): HostOffer {
  const code = session.slots.find((slot) => slot.code !== null)?.code ?? null;
  const qr = outOfBandOf(session, 'qr', endpoint);
  const link = outOfBandOf(session, 'link', endpoint);
  return {
    kind: code?.kind ?? (qr === null ? 'link' : 'qr'),
    code: code === null ? null : formatCode(code),
    nameplate: code?.nameplate ?? null,
    sessionId: session.sessionId,
    endpoint,
    uri: qr === null ? null : encodeQrPayload(qr, options.page),
    link: link === null ? null : encodeLink(link, options.page),
    expiresAt: session.expiresAt * 1000,
    capabilities: options.capabilities,
  };
}

/** Steps 2 to 9 of one session; however it ends, the relay is told. */
async function runSession(
  ports: PairHostDeps,
  options: PairHostOptions,
  callbacks: PairHostCallbacks,
  session: HostSession,
  signal: CancelSignal | undefined,
): Promise<PairedResult> {
  const { clock, relay } = ports;
  const { sessionId, token } = session;
  let granted: Granted;
  try {
    await callbacks.onOffer(offerShown(session, options, relay.endpoint));
    const timeoutMs = options.timeoutMs ?? null;
    const keyed = await awaitKeyed({
      clock,
      relay,
      session,
      timeoutMs,
      onAttempt: callbacks.onAttempt,
      signal,
    });
    const admit = admission(ports, options, callbacks, keyed.slot.kind);
    granted = await grant(ports, options, keyed, admit, signal);
  } catch (error) {
    await relay.cancel(sessionId, token).catch(() => {});
    await callbacks.linger?.(sessionId, LAST_WORD_MS);
    throw error;
  }
  const { device, link } = granted;
  const paired = { deviceDid: device.did, deviceName: device.name, attestation: link };
  callbacks.onPaired?.(paired);
  await insist(clock, undefined, () => relay.complete(sessionId, token)).catch(() => {});
  await callbacks.linger?.(sessionId, LINGER_MS);
  return paired;
}

function admission(
  ports: PairHostDeps,
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
