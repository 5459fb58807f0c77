/** What somebody in between may do to the text of one message, without knowing what it means. */
import { randomBytes } from 'node:crypto';

/** What he does to one exchange. Of a request: before it reaches the relay. */
export const MANNERS = [
  'drop request',
  'drop answer',
  'repeat',
  'stall',
  'truncate request',
  'truncate answer',
  'hold back',
  'flip request',
  'flip answer',
  'forge request',
  'forge answer',
  'replay request',
  'replay answer',
  'swap request',
  'swap answer',
] as const;
export type Manner = (typeof MANNERS)[number];

/** One exchange that carries something: `host confirm 1`, `joiner send 2`, … */
export interface Exchange {
  readonly label: string;
  readonly request: string;
  readonly answer: string;
}

export interface MannerPlan {
  readonly label: string;
  readonly manner: Manner;
  /** Exchanges of an earlier session. */
  readonly earlier?: readonly Exchange[];
}

/** The request as it goes on to the relay; the same text where the manner is none of requests, or finds nothing to change. */
export function changedRequest(plan: MannerPlan, body: string, seen: readonly Exchange[]): string {
  if (plan.manner === 'swap request') return swap(body, seen);
  if (plan.manner === 'flip request') return flip(body);
  if (plan.manner === 'forge request') return forge(body);
  if (plan.manner === 'replay request') return earlierOf(plan)?.request ?? body;
  return body;
}

/** The same for the answer on its way back. */
export function changedAnswer(plan: MannerPlan, text: string, seen: readonly Exchange[]): string {
  if (plan.manner === 'hold back') return heldBack(text);
  if (plan.manner === 'swap answer') return swap(text, seen);
  if (plan.manner === 'flip answer') return flip(text);
  if (plan.manner === 'forge answer') return forge(text);
  if (plan.manner === 'replay answer') return earlierOf(plan)?.answer ?? text;
  return text;
}

function earlierOf({ earlier = [], label }: MannerPlan): Exchange | undefined {
  return earlier.find((exchange) => exchange.label === label);
}

/** The messages of an answer arrive later, and the first of them then behind the others. */
function heldBack(text: string): string {
  const body = JSON.parse(text) as { readonly messages?: readonly unknown[] };
  if (body.messages === undefined) return text;
  return JSON.stringify({ messages: body.messages.length > 1 ? body.messages.toReversed() : [] });
}

/** One character of the longest text inside becomes another one that may stand there. */
function flip(text: string): string {
  const [longest] = [...text.matchAll(/"([\w-]{22,})"/g)].toSorted((a, b) => b[0].length - a[0].length);
  if (longest === undefined) return text;
  const at = longest.index + 1 + (longest[1] as string).length / 2;
  const place = Math.floor(at);
  return text.slice(0, place) + (text[place] === 'A' ? 'B' : 'A') + text.slice(place + 1);
}

/** Two keys of one message change places; where there are none, another sealed text of this session stands in its place. */
function swap(text: string, seen: readonly Exchange[]): string {
  const [first, second] = [...text.matchAll(/"([\w-]{43})"/g)];
  if (first !== undefined && second !== undefined) {
    const between = text.slice(first.index + 45, second.index);
    return text.slice(0, first.index) + second[0] + between + first[0] + text.slice(second.index + 45);
  }
  const sealed = /"sealed":"([\w-]+)"/;
  const own = sealed.exec(text)?.[1];
  const others = seen
    .flatMap(({ request, answer }) => [request, answer])
    .map((said) => sealed.exec(said)?.[1]);
  const other = others.find((one) => one !== undefined && one !== own);
  return own === undefined || other === undefined ? text : text.replace(own, other);
}

/** Every key, commitment, MAC and sealed text becomes one of his own. */
function forge(text: string): string {
  return text.replace(/"([\w-]{43,})"/g, (_all, given: string) => {
    const own = randomBytes(Math.floor((given.length * 3) / 4)).toString('base64url');
    return `"${own.padEnd(given.length, 'A').slice(0, given.length)}"`;
  });
}
