/** `auths kel verify`: replays any log. The input is nobody's friend: whatever it holds ends in a verdict. */
import { concat } from '@auths/core/encoding/bytes';
import { isAuthsError } from '@auths/core/errors';
import { isBundle, parseBundle, type IdentityBundle } from '@auths/core/flows/identity-bundle';
import { replay, type KelVerdict } from '@auths/core/keri/key-state';
import { parseStream } from '@auths/core/keri/stream';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { verifyEngine } from '../engines.ts';
import { readInput } from '../input-file.ts';
import { kelVerdictView } from '../views/kel.ts';

/** Bytes read of each file; the replay itself refuses a stream above its own bound. */
const MAX_BYTES = 64 << 20;

export const kelVerify: CommandSpec = defineCommand({
  examples: [
    { command: 'auths kel verify alice.cesr', what: 'is this log sound, and which keys are in force' },
    { command: 'auths kel export | auths kel verify -', what: 'the own log, from a pipe' },
  ],
  flags: {
    delegator: { kind: 'list', hint: 'FILE', summary: 'the log of a delegator' },
    receipts: { kind: 'list', hint: 'FILE', summary: 'witness receipts that lie beside the log' },
  },
  arguments: [
    { name: 'FILE', summary: 'a CESR stream or a bundle of auths id export, or - for stdin', required: true },
  ],
  async run(context, { flags, words }) {
    const input = await readInput(context, words[0] as string, MAX_BYTES);
    const bundle = isBundle(input) ? bundleIn(context, input) : null;
    const stream = bundle?.stream ?? input;
    const delegators = new Map<string, Uint8Array>();
    for (const path of flags.delegator) {
      const log = await readInput(context, path, MAX_BYTES);
      const prefix = parseStream(log).messages[0]?.event.prefix;
      if (prefix !== undefined) delegators.set(prefix, log);
    }
    const receipts = await readAll(context, flags.receipts);
    const verdict = replay(stream, {
      engine: verifyEngine,
      ...(delegators.size > 0 ? { delegators } : {}),
      ...(receipts.length > 0 ? { receipts } : {}),
    });
    return {
      data: {
        ...verdictData(verdict),
        ...(bundle === null ? {} : { bundle: { created_at: bundle.createdAt } }),
      },
      text: kelVerdictView(context, verdict),
      exit: verdict.verdict === 'accepted' ? 0 : 1,
    };
  },
});

/** Null for a bundle that is none: what is left of it is no log either, and the verdict says so. */
function bundleIn(context: Context, input: Uint8Array): IdentityBundle | null {
  try {
    return parseBundle(input, verifyEngine);
  } catch (error) {
    if (!isAuthsError(error)) throw error;
    context.note(`the bundle is refused: ${error.message}`);
    return null;
  }
}

async function readAll(context: Context, paths: readonly string[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const path of paths) parts.push(await readInput(context, path, MAX_BYTES));
  return concat(...parts);
}

function verdictData(verdict: KelVerdict): Readonly<Record<string, unknown>> {
  const { state } = verdict;
  return {
    verdict: verdict.verdict,
    prefix: state?.prefix ?? null,
    sequence: state === null ? null : sequenceJson(state.sequence),
    said: state?.said ?? null,
    keys: state?.keys ?? [],
    next: state?.next ?? [],
    threshold: state?.threshold ?? null,
    next_threshold: state?.nextThreshold ?? null,
    witnesses: state?.witnesses ?? [],
    witness_threshold: state?.witnessThreshold ?? null,
    at: verdict.at,
    rule: verdict.rule,
  };
}

/** A JSON number, decimal text only where a number would lose digits. */
function sequenceJson(sequence: number | bigint): number | string {
  return sequence > Number.MAX_SAFE_INTEGER ? String(sequence) : Number(sequence);
}
