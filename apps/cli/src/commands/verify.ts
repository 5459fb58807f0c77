/** `auths verify`: who signed a commit, tag or range, and may they. */
import { appendFileSync } from 'node:fs';
import { AuthsError } from '@auths/core/errors';
import { findRepository } from '@auths/git-store/repository';
import { verifyTarget, type Verification } from '@auths/git-store/verify-target';
import { defineCommand, type CommandSpec, type Context } from '../command.ts';
import { rangeVerifyEngine, verifyEngine } from '../engines.ts';
import { successDocument } from '../output.ts';
import {
  verificationGithub,
  verificationJson,
  verificationJunit,
  verificationMarkdown,
  verificationText,
} from '../views/verify.ts';

const FORMATS = ['text', 'json', 'junit', 'github'] as const;

export const verify: CommandSpec = defineCommand({
  examples: [
    { command: 'auths verify', what: 'the commit at HEAD' },
    { command: 'auths verify main..HEAD', what: 'every commit of a branch, oldest first' },
    { command: 'auths verify v1.2.0', what: 'a signed tag' },
    { command: 'auths verify origin/main..HEAD --roots-from origin/main --format github', what: 'in CI' },
    { command: 'auths verify HEAD --root did:keri:E…', what: 'trusting one identity that you name' },
  ],
  flags: {
    root: {
      kind: 'list',
      hint: 'DID',
      summary: 'trust this identity (DID or DID@said), instead of .auths/roots',
    },
    'roots-from': { kind: 'value', hint: 'REF', summary: 'take roots and policy from this branch' },
    format: { kind: 'value', hint: 'F', choices: FORMATS, summary: 'text, json, junit or github' },
    mode: {
      kind: 'value',
      hint: 'M',
      choices: ['enforce', 'warn'],
      summary: 'warn: refused signatures are shown and the exit code is 0',
    },
  },
  arguments: [
    {
      name: 'TARGET',
      summary: 'a revision, A..B, or a file (./x forces a file); HEAD by default',
      required: false,
    },
  ],
  more: 'Exit 0: everything passes. 1: something was refused. 4: a network could supply what is missing. 2: it could not be judged.',
  async run(context, { flags, words }) {
    const format = flags.format ?? 'text';
    const rootsFrom = flags['roots-from'] ?? null;
    if ((format === 'junit' || format === 'github') && flags.root.length === 0 && rootsFrom === null) {
      throw new AuthsError('usage/invalid', `--format ${format} needs --roots-from or --root`, {
        hint: 'in CI the target branch says whom to trust: --roots-from origin/main',
      });
    }
    if (words.length > 1)
      throw new AuthsError('usage/invalid', 'verify takes one target', { hint: 'auths verify A..B' });
    await using repository = await findRepository(context.cwd);
    const verification = await verifyTarget(repository, {
      target: words[0] ?? 'HEAD',
      roots: flags.root,
      rootsFrom,
      cwd: context.cwd,
      home: context.home,
      engine: words[0]?.includes('..') === true ? rangeVerifyEngine : verifyEngine,
      now: context.clock.now(),
      mayPin: true,
    });
    for (const note of verification.notes) context.note(note);
    const exit = flags.mode === 'warn' && verification.exit === 1 ? 0 : verification.exit;
    return {
      // Made when it is asked for: of a long range it is much.
      get data() {
        return verificationJson(verification);
      },
      text: context.globals.json && format === 'text' ? '' : render(context, verification, format),
      exit,
    };
  },
});

function render(context: Context, verification: Verification, format: (typeof FORMATS)[number]): string {
  switch (format) {
    case 'json':
      return successDocument(context.command, verificationJson(verification));
    case 'junit':
      return verificationJunit(verification);
    case 'github': {
      const summary = context.env['GITHUB_STEP_SUMMARY'];
      if (summary !== undefined && summary !== '')
        appendFileSync(summary, verificationMarkdown(verification));
      return verificationGithub(verification);
    }
    default:
      return verificationText(context, verification);
  }
}
