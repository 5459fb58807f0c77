/**
 * Asking the person. Under --json the host's stdin is the person, one line an answer; else only a terminal is.
 * A joiner is asked on a terminal only (docs/protocol.md, "Rules over all steps").
 */
import type { Ask, ConsentQuestion } from '@auths/core/flows/host-consent';
import type { CancelSignal } from '@auths/core/ports';
import type { Context } from '../command.ts';

/** Tries at typing the fingerprint: a terminal forgives, a script does not. */
export function typingTries(context: Context): number {
  return context.globals.json ? 1 : 3;
}

/** True when somebody can answer a host's question. */
export function canAskHost({ globals, terminal }: Context): boolean {
  return globals.json || terminal.interactive;
}

/** The host's question put to whoever is there; null when nobody is, or when stdin has ended. */
export function hostAsker(context: Context): Ask {
  const { globals, terminal } = context;
  return async (question, signal) => {
    if (!canAskHost(context)) return null;
    // A "y" that was typed ahead has compared nothing.
    await terminal.dropTyped();
    if (!globals.json) terminal.show(questionText(question));
    let line = await readAnswer(context, signal);
    if (question.confirm === 'yes') return line === null ? null : isYes(line);
    // Enter alone has typed nothing: no try, and no answer.
    while (!globals.json && line?.trim() === '') {
      terminal.show('Nothing was typed. The fingerprint, or no:');
      line = await readAnswer(context, signal);
    }
    return line !== null && !globals.json && /^\s*(?:n|no)\s*$/i.test(line) ? false : line;
  };
}

function questionText({ confirm, deviceName, sas, tryNumber, triesLeft }: ConsentQuestion): string {
  if (confirm === 'yes') return `Does ${deviceName} show ${sas}? [y/N]`;
  if (tryNumber === 1)
    return `Type the fingerprint that the other device shows (${sas.replaceAll(/[^-]/g, 'X')}), or no:`;
  const left = triesLeft === 0 ? 'This is the last try' : `${triesLeft + 1} tries are left`;
  return `That is not it. ${left}; if it reads exactly so over there, type no:`;
}

/** The joiner's y/N; true without asking where nobody can be, or where --yes has answered. */
export async function askJoiner(
  context: Context,
  { sas, controllerDid }: { readonly sas: string; readonly controllerDid: string },
  signal: CancelSignal,
): Promise<boolean> {
  const { terminal, globals } = context;
  if (globals.yes || !terminal.interactive) return true;
  await terminal.dropTyped();
  terminal.show(
    `This joins ${controllerDid}.\nDoes the host show ${sas}, or ask for it, and do you want that? [y/N]`,
  );
  const line = await readAnswer(context, signal);
  return line !== null && isYes(line);
}

function isYes(line: string): boolean {
  return /^\s*y(?:es)?\s*$/i.test(line);
}

/** A line of stdin, until the flow's signal ends the wait. */
async function readAnswer({ terminal, signal: own }: Context, flow: CancelSignal): Promise<string | null> {
  const stop = new AbortController();
  const abort = (): void => {
    stop.abort(flow.reason);
  };
  if (flow.aborted) abort();
  flow.addEventListener('abort', abort, { once: true });
  try {
    return await terminal.readLine(AbortSignal.any([own, stop.signal]));
  } finally {
    flow.removeEventListener('abort', abort);
  }
}
