/**
 * The transitions of a relay session: a response, the host's word on it, messages, the end. Each takes a settled
 * session and gives the next version, or the same object where nothing changes (a byte-identical repeat
 * of the last accepted call). A refusal throws and changes nothing.
 */
import { ATTEMPTS_PER_SLOT, type PairingLimits } from './limits.ts';
import type { ConfirmBody, Instant, MessageBody, ResponseBody } from './relay.ts';
import { relayError } from './relay-errors.ts';
import { slotOfClaim } from './session-access.ts';
import {
  type Direction,
  digestOfBody,
  type Lane,
  NO_LANES,
  refuseEnded,
  type RelayRun,
  type RelaySession,
} from './session.ts';

/** One response at a time over all slots, only to the attempt that is open; qr and link carry their claim. */
export function respond(session: RelaySession, body: ResponseBody, claim: Uint8Array | null): RelaySession {
  const slot = session.slots.find((one) => one.kind === body.kind);
  if (slot === undefined) throw relayError('not-found');
  if (slot.claimHash !== null && (claim === null || slotOfClaim(session, claim) !== slot)) {
    throw relayError('unauthorized');
  }
  const digest = digestOfBody(body);
  if (session.runs.at(-1)?.digest === digest) return session;
  if (session.status === 'responded') throw relayError('offer-consumed');
  if (session.status === 'confirmed') throw relayError('already-used');
  refuseEnded(session);
  if (slot.attempt >= ATTEMPTS_PER_SLOT) throw relayError('attempts-exhausted');
  if (slot.attempt !== body.attempt) throw relayError('offer-consumed');
  const run: RelayRun = {
    kind: body.kind,
    attempt: body.attempt,
    joinerTokenHash: body.joiner_token_hash,
    digest,
    response: body,
    confirmation: null,
    confirmDigest: null,
  };
  return next(session, { status: 'responded', runs: [...session.runs, run] });
}

/** The host's word on the response that waits. A reject counts against its slot and opens the next attempt. */
export function confirm(session: RelaySession, body: ConfirmBody, now: Instant): RelaySession {
  const run = session.runs.at(-1);
  const digest = digestOfBody(body);
  if (run !== undefined && run.confirmDigest === digest) return session;
  if (session.status !== 'responded') {
    refuseEnded(session);
    throw relayError('conflict');
  }
  if (run === undefined || run.attempt !== body.attempt) throw relayError('conflict');
  const runs = [
    ...session.runs.slice(0, -1),
    { ...run, response: null, confirmation: body, confirmDigest: digest },
  ];
  if (body.result === 'ok') return next(session, { status: 'confirmed', runs });
  if (body.result === 'abort') return next(session, { status: 'aborted', runs, endedAt: now });
  const slots = session.slots.map((one) =>
    one.kind === run.kind ? { ...one, attempt: one.attempt + 1 } : one,
  );
  const over = slots.every((one) => one.attempt >= ATTEMPTS_PER_SLOT);
  // What a refused joiner posted must not stand in the way of the next one's first message.
  return next(session, {
    status: over ? 'exhausted' : 'pending',
    endedAt: over ? now : null,
    slots,
    runs,
    lanes: NO_LANES,
  });
}

/** What the host said to this run; null while it has not spoken. An ended session throws its end. */
export function confirmationFor(session: RelaySession, run: RelayRun): ConfirmBody | null {
  if (run.confirmation === null) refuseEnded(session);
  return run.confirmation;
}

/** Takes the next message of a direction: seq one above the last. A joiner may post (its abort) before `confirmed`. */
export function post(
  session: RelaySession,
  direction: Direction,
  message: MessageBody,
  limits: PairingLimits,
): RelaySession {
  const lane = session.lanes[direction];
  const digest = digestOfBody(message);
  if (message.seq === lane.last && lane.lastDigest === digest) return session;
  if (session.status === 'completed') throw relayError('conflict');
  refuseEnded(session);
  const open = session.status === 'confirmed' || (session.status === 'responded' && direction === 'j2h');
  if (!open || message.seq !== lane.last + 1) throw relayError('conflict');
  const confirmed = session.status === 'confirmed';
  const count = session.lanes.j2h.waiting.length + session.lanes.h2j.waiting.length + 1;
  const bytes = waitingBytes(session) + message.sealed.length;
  if (
    count > (confirmed ? limits.confirmedMessages : limits.waitingMessages) ||
    bytes > (confirmed ? limits.confirmedBytes : limits.waitingBytes)
  ) {
    throw relayError('capacity-exhausted');
  }
  return withLane(session, direction, {
    ...lane,
    last: message.seq,
    lastDigest: digest,
    waiting: [...lane.waiting, message],
  });
}

/**
 * The messages after `after`, which also says that those up to it arrived, so their places are free.
 * `after` beyond what was sent, or before what was freed, is a gap: `conflict`. An ended session hands out
 * what waits and then throws its end; a completed one goes on answering [].
 */
export function fetchMessages(
  session: RelaySession,
  direction: Direction,
  after: number,
): { readonly session: RelaySession; readonly messages: readonly MessageBody[] } {
  const lane = session.lanes[direction];
  const freed = (lane.waiting[0]?.seq ?? lane.last + 1) - 1;
  const messages = lane.waiting.filter((message) => message.seq > after);
  if (messages.length === 0 && session.status !== 'completed') refuseEnded(session);
  if (after > lane.last || after < freed) throw relayError('conflict');
  if (messages.length === lane.waiting.length && lane.fetched === lane.last) return { session, messages };
  return {
    session: withLane(session, direction, { ...lane, fetched: lane.last, waiting: messages }),
    messages,
  };
}

/** Completed or cancelled by the host. Ending an ended session in the same way changes nothing. */
export function finish(session: RelaySession, status: 'completed' | 'cancelled', now: Instant): RelaySession {
  if (session.status === status) return session;
  if (status === 'completed' && session.status !== 'confirmed') {
    refuseEnded(session);
    throw relayError('conflict');
  }
  refuseEnded(session);
  // A response that the host will not answer any more is not kept for it.
  const runs = session.runs.map((run) => ({ ...run, response: null }));
  return next(session, { status, endedAt: now, runs });
}

/** Characters of sealed text that the session holds: responses, the host's words, and messages that wait. */
export function heldBytes(session: RelaySession): number {
  let bytes = waitingBytes(session);
  for (const { response, confirmation } of session.runs) {
    bytes += response?.sealed.length ?? 0;
    if (confirmation?.result === 'ok') bytes += confirmation.sealed.length;
  }
  return bytes;
}

/** Characters of sealed text that wait in both directions. */
function waitingBytes(session: RelaySession): number {
  let bytes = 0;
  for (const lane of [session.lanes.j2h, session.lanes.h2j]) {
    for (const message of lane.waiting) bytes += message.sealed.length;
  }
  return bytes;
}

function withLane(session: RelaySession, direction: Direction, lane: Lane): RelaySession {
  return next(session, { lanes: { ...session.lanes, [direction]: lane } });
}

function next(session: RelaySession, change: Partial<RelaySession>): RelaySession {
  return { ...session, ...change, version: session.version + 1 };
}
