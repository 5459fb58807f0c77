/**
 * How a host opens a session and shows its offer, and when it may show it (docs/protocol.md, "Messages", step 1). What is
 * not needed to show an offer is imported after that.
 */
import { equalBytes } from '../encoding/bytes.ts';
import { AuthsError, hasCode } from '../errors.ts';
import { formatCode, type CodeKind } from '../pairing/code.ts';
import { drawHostSession, outOfBandOf, type DrawnSession } from '../pairing/drawn-session.ts';
import type { HostSession } from '../pairing/host-session.ts';
import { encodeLink, encodeQrPayload } from '../pairing/uri.ts';
import type { CancelSignal } from '../ports.ts';
import type { GrantPorts } from './host-hand-over.ts';
import type {
  HostFace,
  HostOffer,
  PairHostCallbacks,
  PairHostDeps,
  PairHostOptions,
} from './pair-host-ports.ts';
import type { HostIdentity } from './pairing-ports.ts';

/** A nameplate that is taken is drawn again this often. */
const DRAWS = 12;
/** After a session that failed, this long for the other side to hear of it. */
const LAST_WORD_MS = 1_000;

type HostSteps = typeof import('./host-steps.ts');

/** One run of `pairHost`. */
export interface Pairing {
  /** `random` is guarded. */
  readonly deps: PairHostDeps;
  readonly options: PairHostOptions;
  readonly callbacks: PairHostCallbacks;
  readonly signal: CancelSignal | undefined;
  /** The host with its keys, once it is known that it may grant. The first call begins to find out. */
  readonly sound: () => Promise<GrantPorts>;
  /** All that comes after the offer. */
  readonly steps: () => Promise<HostSteps>;
}

/** Step 1. What is shown is fixed before it is shown; the key exchange and the opening of the keys go on meanwhile. */
export async function firstSession(on: Pairing): Promise<HostSession> {
  const { deps, options, callbacks } = on;
  if (deps.face === undefined || callbacks.onOpening === undefined) return shownWhenOpen(on);
  const drawn = await draw(on, deps.face, options.code);
  // Not before `onOpening`: who reads the code must find the door closed, not nobody behind it.
  const opened = Promise.resolve().then(async () => {
    await show(on, drawn);
    on.sound().catch(() => {});
    return create(on, drawn);
  });
  callbacks.onOpening(opened);
  return opened;
}

/** Step 1. A nameplate that is taken costs a new draw; when short codes are used up the twelve-letter kind is offered. */
export async function shownWhenOpen(on: Pairing): Promise<HostSession> {
  const { deps, options, callbacks } = on;
  const face = await faceOf(deps, (await on.sound()).host);
  let code = options.code;
  let session: HostSession | null = null;
  for (let draws = 1; session === null; draws++) {
    try {
      session = await create(on, await draw(on, face, code));
    } catch (error) {
      if (hasCode(error, 'pairing/nameplate-exhausted') && code === 'short6') {
        code = 'code12';
        callbacks.onNotice?.('code12');
      } else if (!hasCode(error, 'pairing/conflict') || draws >= DRAWS) throw error;
    }
  }
  try {
    await show(on, session);
  } catch (error) {
    await giveUp(on, session);
    throw error;
  }
  return session;
}

async function draw(
  { deps, options }: Pairing,
  face: HostFace,
  code: CodeKind | null,
): Promise<DrawnSession> {
  const { clock, random } = deps;
  const { ttlSeconds, qr, link } = options;
  const now = { monotonic: clock.monotonic(), wall: clock.now() };
  const publicKeyOf = await x25519Of(deps);
  return drawHostSession({ ...face, random, now, ttlSeconds, code, qr, link, publicKeyOf });
}

async function create({ deps, signal, steps }: Pairing, drawn: DrawnSession): Promise<HostSession> {
  const { createBodyOf, openHostSession } = await steps();
  const session = await openHostSession(drawn, deps);
  await deps.relay.create(createBodyOf(session), signal);
  return session;
}

async function show({ deps, options, callbacks }: Pairing, drawn: DrawnSession): Promise<void> {
  await callbacks.onOffer(offerShown(drawn, options, deps.relay.endpoint));
}

/** The relay is told, and with it whoever asks there. */
export async function giveUp(
  { deps, callbacks }: Pairing,
  { sessionId, token }: DrawnSession,
): Promise<void> {
  await deps.relay.cancel(sessionId, token).catch(() => {});
  await callbacks.linger?.(sessionId, LAST_WORD_MS);
}

function offerShown(session: DrawnSession, options: PairHostOptions, endpoint: string): HostOffer {
  const code = session.slots.find((slot) => slot.code !== null)?.code ?? null;
  const qr = outOfBandOf(session, 'qr', endpoint);
  const link = outOfBandOf(session, 'link', endpoint);
  return {
    kind: code?.kind ?? (qr === null ? 'link' : 'qr'),
    code: code === null ? null : formatCode(code),
    nameplate: code?.nameplate ?? null,
    sessionId: session.sessionId,
    endpoint,
    uri: qr === null ? null : encodeQrPayload(qr),
    link: link === null ? null : encodeLink(link, options.page),
    expiresAt: session.expiresAt * 1000,
    capabilities: options.capabilities,
  };
}

/**
 * The log replays, the keys here are its current ones and those that a session commits to, and what a device needs can be
 * handed over. Before a code is shown where there is no face to show, and always before a device learns anything.
 */
export async function requireSound(
  deps: PairHostDeps,
  { finishPairings, requireAuthority }: HostSteps,
): Promise<GrantPorts> {
  const host = await (typeof deps.host === 'function' ? deps.host() : deps.host);
  const ports = { ...deps, host };
  await finishPairings(ports);
  await requireAuthority(ports);
  const { face } = deps;
  if (face === undefined) return ports;
  const own = await faceOf(deps, host);
  if (
    face.controllerDid === own.controllerDid &&
    equalBytes(face.signingKey, own.signingKey) &&
    equalBytes(face.hostStatic, own.hostStatic)
  ) {
    return ports;
  }
  throw new AuthsError('identity/not-authority', 'the keys of this home are not those that were shown', {
    hint: 'Run auths pair again. If it says the same: auths doctor.',
    details: { controller_did: host.controllerDid },
  });
}

async function faceOf(deps: PairHostDeps, host: HostIdentity): Promise<HostFace> {
  const { controllerDid, identity, channelSecret } = host;
  const hostStatic = (await x25519Of(deps))(channelSecret);
  return { controllerDid, signingKey: identity.publicKey, hostStatic };
}

async function x25519Of({ x25519PublicKey }: PairHostDeps): Promise<(secret: Uint8Array) => Uint8Array> {
  return x25519PublicKey ?? (await import('../crypto/x25519.ts')).x25519PublicKey;
}
