/** From what was typed or scanned to a response that the relay accepted: one guess each, three at most (docs/protocol.md, "Rules over all steps"). */
import { AuthsError, hasCode } from '../errors.ts';
import type { SessionId } from '../identifiers.ts';
import { secretText } from '../pairing/code.ts';
import { makeResponse, type JoinerRun } from '../pairing/joiner.ts';
import { RUNS_PER_CODE } from '../pairing/limits.ts';
import { claimKey } from '../pairing/offer.ts';
import { checkOffer, parseOffer, type ExpectedOffer, type ReceivedOffer } from '../pairing/offer-token.ts';
import type { FoundOffer, JoinerRelay } from '../pairing/relay.ts';
import { deriveW } from '../pairing/transcript.ts';
import type { JoinInput } from '../pairing/uri.ts';
import type { CancelSignal } from '../ports.ts';
import { within } from './cancel.ts';
import { insist } from './insist.ts';
import { noPeer, patience, type JoinContext } from './join-context.ts';

/** Between two looks at an offer that another joiner is answering: by-code allows 20 a minute. */
const LOOK_MS = 3_500;
/** How long another joiner's answer may stand in the way. */
const PATIENCE_MS = 45_000;

export interface AnsweredOffer {
  readonly run: JoinerRun;
  readonly sessionId: SessionId;
}

/** What the input says in advance, and how the relay is asked. */
interface Question {
  readonly expected: ExpectedOffer;
  readonly secretText: string;
  readonly claim: Uint8Array | null;
  find(signal: CancelSignal): Promise<FoundOffer>;
}

/** Answers the offer that `input` leads to, for a host that answers until `until` (monotonic ms). A response that came second is made anew for the next attempt. */
export async function answerOffer(
  context: JoinContext,
  relay: JoinerRelay,
  input: JoinInput,
  until: number,
): Promise<AnsweredOffer> {
  const { clock, callbacks, random, device, scrypt, signal } = context;
  const question = ask(relay, input);
  let found = await firstLook(context, question, until - clock.monotonic());
  for (let announced = false; ; announced = true) {
    const offer = judge(context, question, await opened(context, question, found));
    const { sessionId } = offer;
    if (!announced) {
      callbacks.onOffer({
        kind: offer.kind,
        sessionId,
        endpoint: relay.endpoint,
        expiresAt: offer.expiresAt * 1000,
      });
    }
    const w = await deriveW(question.secretText, sessionId, scrypt);
    const run = await makeResponse(offer, w, question.secretText, device, random);
    context.runs.sent += 1;
    try {
      const respond = (own: CancelSignal): Promise<void> =>
        relay.respond(sessionId, run.response, question.claim, own);
      await insist(clock, signal, respond, patience(clock, until));
      return { run, sessionId };
    } catch (error) {
      if (!hasCode(error, 'pairing/offer-consumed') || context.runs.sent >= RUNS_PER_CODE) throw error;
    }
    found = await nextLook(context, question);
  }
}

function ask(relay: JoinerRelay, input: JoinInput): Question {
  if (input.kind === 'code') {
    const { kind, text, nameplate } = input.code;
    return {
      expected: { kind, nameplate, sessionId: null, hostX25519: null, hostCommit: null },
      secretText: text,
      claim: null,
      find: (signal) => relay.findByNameplate(nameplate, signal),
    };
  }
  const { sessionId, secret, hostX25519, hostCommit } = input.offer;
  const claim = claimKey(secret, sessionId);
  return {
    expected: { kind: input.kind, nameplate: '', sessionId, hostX25519, hostCommit },
    secretText: secretText(secret),
    claim,
    find: (signal) => relay.findByClaim(sessionId, claim, signal),
  };
}

function judge(context: JoinContext, question: Question, found: FoundOffer): ReceivedOffer {
  const offer = parseOffer(found);
  checkOffer(offer, question.expected, context.clock.now());
  return offer;
}

/** Nobody there, or silence until `timeoutMs`, is `no-peer`. */
async function firstLook(
  { clock, signal }: JoinContext,
  question: Question,
  timeoutMs: number,
): Promise<FoundOffer> {
  try {
    return await within(clock, timeoutMs, noPeer, signal, (own) => question.find(own));
  } catch (error) {
    if (!hasCode(error, 'network/unreachable')) throw error;
    throw new AuthsError('pairing/no-peer', error.message, {
      hint: error.hint ?? 'Check the address, and that both devices are on the same network.',
      cause: error,
    });
  }
}

/** After another joiner was faster: what is found no more, that one has used. */
async function nextLook({ clock, signal }: JoinContext, question: Question): Promise<FoundOffer> {
  await clock.sleep(LOOK_MS, signal);
  try {
    return await insist(clock, signal, (own) => question.find(own));
  } catch (error) {
    if (!hasCode(error, 'pairing/not-found')) throw error;
    throw new AuthsError('pairing/already-used', 'another device answered this code first', {
      hint: 'If that was not yours, refuse it on the host and get a new code.',
    });
  }
}

/** Waits while another joiner's answer is being checked: sending then would only waste a guess. */
async function opened(context: JoinContext, question: Question, first: FoundOffer): Promise<FoundOffer> {
  const until = context.clock.monotonic() + PATIENCE_MS;
  let found = first;
  while (found.status === 'responded' && context.clock.monotonic() < until) {
    found = await nextLook(context, question);
  }
  return found;
}
