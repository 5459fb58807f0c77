/** `auths help errors CODE`: what an error means and what to do. */
import { AuthsError } from '@auths/core/errors';
import { defineCommand, type CommandSpec } from '../command.ts';
import { didYouMean } from '../did-you-mean.ts';
import { explanations } from '../error-explanations.ts';
import { exitCodes, exitMeanings } from '../exit-codes.ts';
import { table } from '../views/layout.ts';

export const helpErrors: CommandSpec = defineCommand({
  examples: [
    { command: 'auths help errors pairing/no-peer', what: 'one error' },
    { command: 'auths help errors', what: 'all of them, with their exit codes' },
  ],
  flags: {},
  arguments: [{ name: 'CODE', summary: 'the code that stood under the error', required: false }],
  async run(context, { words }) {
    const wanted = words[0];
    const codes = Object.keys(explanations) as (keyof typeof explanations)[];
    if (wanted === undefined) {
      const errors = codes.map((code) => ({ code, exit: exitCodes[code], meaning: explanations[code] }));
      return {
        data: { errors, exits: exitMeanings },
        text: table(
          errors.map(({ code, exit, meaning }) => [context.style.bold(code), String(exit), meaning]),
        ).join('\n'),
      };
    }
    const code = codes.find((known) => known === wanted || known === `pairing/${wanted}`);
    if (code === undefined) {
      throw new AuthsError('usage/invalid', `there is no error "${wanted}"`, {
        hint: didYouMean(wanted, codes, 'auths help errors ') ?? 'auths help errors',
      });
    }
    const exit = exitCodes[code];
    return {
      data: { code, exit, exit_meaning: exitMeanings[exit] ?? null, meaning: explanations[code] },
      text: [context.style.bold(code), explanations[code], `exit ${exit}: ${exitMeanings[exit] ?? ''}`].join(
        '\n',
      ),
    };
  },
});
