/** What somebody in between does to messages that he knows by their place. */
import type { Change, Json, Passing } from '@auths/testing/adversary';
import type { Session } from './stage.ts';

/** Changes the offer wherever it stands in an answer. */
export function offerWith(change: Json | ((token: Json) => Json)): Change {
  return ({ way, body }) => {
    const token = body?.['token'];
    if (way !== 'answer' || typeof token !== 'object' || token === null) return null;
    const made = typeof change === 'function' ? change(token as Json) : change;
    return { body: { ...body, token: { ...token, ...made } } };
  };
}

/** Changes the joiner's response on its way to the relay. */
export function responseWith(change: (body: Json) => Json): Change {
  return ({ way, label, body }) =>
    way === 'request' && label.startsWith('joiner response') && body !== null
      ? { body: { ...body, ...change(body) } }
      : null;
}

/** Changes what the joiner hears of the host's word. */
export function wordWith(change: (body: Json) => Json): Change {
  return ({ way, label, body, status }) =>
    way === 'answer' && label.startsWith('joiner confirmation') && status === 200 && body !== null
      ? { body: change(body) }
      : null;
}

/** The first of them that has something to do does it. */
export function either(...changes: readonly Change[]): Change {
  return async (passing) => {
    for (const change of changes) {
      const made = await change(passing);
      if (made !== null && made !== undefined) return made;
    }
    return null;
  };
}

/** Another first character: still base64url, other bytes. */
export function flipped(text: unknown): string {
  const given = String(text);
  return (given.startsWith('A') ? 'B' : 'A') + given.slice(1);
}

/** Everything that joiners of this session send from now on. */
export function listening(on: Session): Passing[] {
  const heard: Passing[] = [];
  on.meddle((passing) => {
    if (passing.side === 'joiner' && passing.way === 'request') heard.push(passing);
    return null;
  });
  return heard;
}
