/** `auths attestation show|verify FILE`: one record, read, or judged against its issuer's log. */
import { parseRecord, RECORD_MAX_BYTES } from '@auths/core/attestation/attestation';
import { digestOf } from '@auths/core/attestation/sign';
import type { EvidenceSource } from '@auths/core/commit/evidence';
import { judgeRecord } from '@auths/core/commit/judge-record';
import { DEFAULT_POLICY } from '@auths/core/commit/policy';
import { exitOf } from '@auths/core/commit/verdict';
import { createWorld } from '@auths/core/commit/world';
import { prefixOf } from '@auths/core/identifiers';
import { homeEvidence } from '@auths/git-store/evidence';
import { nodeDigests } from '@auths/git-store/git-history';
import { defineCommand, type CommandSpec } from '../command.ts';
import { verifyEngine } from '../engines.ts';
import { readInput } from '../input-file.ts';
import { recordView } from '../views/attestation.ts';
import { resultJson, resultLines } from '../views/verify.ts';

const FILE = { name: 'FILE', summary: 'an attestation (JSON), - for stdin', required: true } as const;

export const attestationShow: CommandSpec = defineCommand({
  examples: [{ command: 'auths attestation show phone.json', what: 'what it says, unverified' }],
  flags: {},
  arguments: [FILE],
  async run(context, { words }) {
    const record = parseRecord(await readInput(context, words[0] as string, RECORD_MAX_BYTES));
    const digest = digestOf(record);
    return { data: { digest, attestation: record }, text: recordView(context, record, digest) };
  },
});

export const attestationVerify: CommandSpec = defineCommand({
  examples: [
    { command: 'auths attestation verify phone.json', what: 'against the logs in this home' },
    { command: 'auths attestation verify phone.json --kel issuer.cesr', what: 'against a log in a file' },
  ],
  flags: { kel: { kind: 'value', hint: 'FILE', summary: "the issuer's key event log as a CESR stream" } },
  arguments: [FILE],
  more: 'Says whether the issuer made it and its log seals it; whom to trust is not asked. Records that the log seals later, and that are not at hand, make it unverifiable.',
  async run(context, { flags, words }) {
    const bytes = await readInput(context, words[0] as string, RECORD_MAX_BYTES);
    const record = parseRecord(bytes);
    const own = await homeEvidence(context.home);
    const file: EvidenceSource = {
      name: 'the files given',
      proposal: false,
      logs: new Map(
        flags.kel === undefined
          ? []
          : [
              [
                prefixOf(record.issuer),
                {
                  streams: [await readInput(context, flags.kel, 64 << 20)],
                  messages: [],
                  receipts: new Uint8Array(0),
                },
              ],
            ],
      ),
      records: [bytes],
      notes: [],
    };
    const world = createWorld({
      sources: flags.kel === undefined ? [own, file] : [file, { ...own, logs: new Map() }],
      roots: [],
      policy: DEFAULT_POLICY,
      engine: verifyEngine,
      digests: nodeDigests,
      now: context.clock.now(),
    });
    const result = judgeRecord(world, record, { trust: false });
    return {
      data: { ...(resultJson(result) as object), attestation: record },
      text: resultLines(context.style, result, (did) => did).join('\n'),
      exit: exitOf([result]),
    };
  },
});
