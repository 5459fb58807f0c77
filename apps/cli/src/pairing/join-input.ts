/** What the joiner was given: a code, the text of a QR code, or a link; and where that leads. */
import { AuthsError } from '@auths/core/errors';
import { parseEndpoint } from '@auths/core/pairing/endpoint';
import { parseJoinInput, type JoinInput } from '@auths/core/pairing/uri';
import type { Context } from '../command.ts';
import type { JoinSettings } from './flags.ts';

/** The value of --join, or the next line of stdin for `-`. `pairing/invalid-code` and `pairing/malformed` never quote it. */
export async function readInput(context: Context, settings: JoinSettings, given: string): Promise<JoinInput> {
  if (given !== '-') return parseJoinInput(given, rulesOf(settings));
  context.terminal.show('Code, QR text or link:');
  const line = await context.terminal.readLine();
  if (line !== null) return parseJoinInput(line, rulesOf(settings));
  throw new AuthsError('usage/missing-answer', '--join - reads the code from stdin, which is at its end', {
    hint: 'write the code to stdin, or give it as --join CODE',
    details: { flag: '--join' },
  });
}

/** The code once more after a wrong one; null when the person stops. */
export async function retype(
  context: Context,
  settings: JoinSettings,
  error: AuthsError,
): Promise<JoinInput | null> {
  context.terminal.show(`${error.message}. Type the code again, or press Enter to stop:`);
  for (;;) {
    const line = await context.terminal.readLine();
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
