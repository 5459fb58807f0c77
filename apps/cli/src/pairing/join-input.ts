/** What the joiner was given: a code, the text of a QR code, or a link; and where that leads. */
import { AuthsError } from '@auths/core/errors';
import { parseEndpoint } from '@auths/core/pairing/endpoint';
import { isUnfinishedLink, parseJoinInput, type JoinInput } from '@auths/core/pairing/uri';
import type { Context } from '../command.ts';
import type { JoinSettings } from './flags.ts';

/** More than any screen makes of a link. */
const MOST_LINES = 64;
const REST_MS = 2_000;

/** The value of --join, or what stdin says for `-`. `pairing/invalid-code` and `pairing/malformed` never quote it. */
export async function readInput(context: Context, settings: JoinSettings, given: string): Promise<JoinInput> {
  if (given !== '-') return parseJoinInput(given, rulesOf(settings));
  context.terminal.show('Code, QR text or link:');
  const line = await readGiven(context, settings);
  if (line !== null) return parseJoinInput(line, rulesOf(settings));
  throw new AuthsError('usage/missing-answer', '--join - reads the code from stdin, which is at its end', {
    hint: 'write the code to stdin, or give it as --join CODE',
    details: { flag: '--join' },
  });
}

/** The next line of stdin; of a link that a screen has broken into several, all of them. Null at the end of stdin. */
async function readGiven({ terminal, signal }: Context, settings: JoinSettings): Promise<string | null> {
  let given = await terminal.readLine();
  if (given === null) return null;
  for (let lines = 1; lines < MOST_LINES && isUnfinishedLink(given, rulesOf(settings)); lines += 1) {
    if (lines === 1) terminal.show('The link goes on: its other lines, or Enter alone to stop:');
    const more = await nextLine(terminal, signal);
    if (more === null || more.trim() === '') break;
    given += `\n${more}`;
  }
  return given;
}

/** A person presses Enter when it suits; a program has written the rest already, or never will: null. */
async function nextLine(terminal: Context['terminal'], signal: AbortSignal): Promise<string | null> {
  if (terminal.interactive) return terminal.readLine();
  const late = AbortSignal.timeout(REST_MS);
  try {
    return await terminal.readLine(AbortSignal.any([signal, late]));
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    return null;
  }
}

/** The code once more after a wrong one; null when the person stops. */
export async function retype(
  context: Context,
  settings: JoinSettings,
  error: AuthsError,
): Promise<JoinInput | null> {
  context.terminal.show(`${error.message}. Type the code again, or press Enter to stop:`);
  for (;;) {
    const line = await readGiven(context, settings);
    if (line === null || line.trim() === '') return null;
    try {
      return parseJoinInput(line, rulesOf(settings));
    } catch (fault) {
      context.terminal.show(`${(fault as Error).message}. Once more:`);
    }
  }
}

/** The origin that was given or scanned; null where the local network has to be searched. */
export function endpointOf({ registry, host }: JoinSettings, input: JoinInput): string | null {
  return registry ?? host ?? (input.kind === 'code' ? null : input.offer.endpoint);
}

/** Names that the person typed may be reached by plain http. */
function rulesOf({ registry, host }: JoinSettings): { readonly allowedNames: readonly string[] } {
  const origin = registry ?? host;
  return { allowedNames: origin === null ? [] : [parseEndpoint(origin, { allowedNames: 'any' }).host] };
}
