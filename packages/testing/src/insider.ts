/**
 * Somebody who knows the code and stands between two honest ends: joiner towards the host, host towards the joiner,
 * running the real protocol on both sides with keys of his own, and lying in either introduction.
 */
import { AuthsError, isAuthsError } from '@auths/core/errors';
import type { PairingCode } from '@auths/core/pairing/code';
import { introductionOf, type Members } from './lies.ts';
import { awaitJoiner, introduce, openSession, type LyingHost } from './lying-host.ts';
import { answer, goOn, wordOf, type LyingJoiner } from './lying-joiner.ts';

export interface Lies {
  /** What he says of himself to the host, from his own introduction and that of the true device. */
  readonly p2?: (own: Members, ofDevice: Members) => Members;
  /** The same to the joiner. */
  readonly p3?: (own: Members, ofHost: Members) => Members;
}

/** Resolves once the joiner can be sent to him; `done` when both ends have ended. */
export async function standBetween(
  towardsHost: LyingJoiner,
  towardsJoiner: LyingHost,
  code: PairingCode,
  lies: Lies = {},
): Promise<{ readonly done: Promise<void> }> {
  const session = await openSession(towardsJoiner, code);
  const done = between();
  done.catch(() => {});
  return { done };

  async function between(): Promise<void> {
    const met = await awaitJoiner(towardsJoiner, session);
    const run = await answer(towardsHost, code, (text) =>
      JSON.stringify(lies.p2?.(JSON.parse(text) as Members, met.p2) ?? JSON.parse(text)),
    );
    const word = await wordOf(towardsHost, run);
    if (word.result !== 'ok') {
      // The host would have none of it: its word goes on.
      await towardsJoiner.relay.confirm(session.sessionId, session.token, { attempt: 0, result: 'abort' });
      return;
    }
    const p3 = JSON.parse(introductionOf(run.keys, run.offer.sessionId, 'h2j', word.sealed)) as Members;
    const { channel, talk } = await introduce(towardsJoiner, met, (text) =>
      JSON.stringify(lies.p3?.(JSON.parse(text) as Members, p3) ?? JSON.parse(text)),
    );
    const other = await goOn(towardsHost, run, word);
    // Whatever one end gives up for, the other one hears.
    const ofJoiner = async (): Promise<never> => {
      channel.finish(await talk.next(PATIENCE_MS)).open(await talk.next(PATIENCE_MS));
      await talk.next(PATIENCE_MS);
      throw new Error('the joiner goes on');
    };
    const ofHost = async (): Promise<never> => {
      await other.talk.next(PATIENCE_MS);
      throw new Error('the host goes on');
    };
    await Promise.race([
      ofJoiner().catch((error: unknown) => other.talk.abort(unsaid(error))),
      ofHost().catch((error: unknown) => talk.abort(unsaid(error))),
    ]);
  }
}

const PATIENCE_MS = 60_000;

/** An abort is not passed on by who only heard it; he says it as his own. */
function unsaid(error: unknown): unknown {
  return isAuthsError(error) ? new AuthsError(error.code, error.message) : error;
}
