/**
 * `status` and `whoami` as far as everything is well. They write nothing, so that whatever goes wrong can be left to
 * the whole program, which does it all again and has the words for it.
 */
import { noGlobals } from './argv.ts';
import type { CommandSpec } from './command.ts';
import { createContext, type Surroundings } from './context.ts';
import { resultText, successDocument } from './output.ts';
import { standardOutput } from './standard-output.ts';
import { workingFolder } from './working-folder.ts';

type Hot = 'status' | 'whoami';

/** What to print on success; null when the whole program has to be asked. */
export async function run(name: Hot, argv: readonly string[]): Promise<string | null> {
  try {
    const spec = await load(name);
    const json = argv.includes('--json');
    const globals = { ...noGlobals, json, noColor: argv.includes('--no-color') };
    const result = await spec.run(createContext(surroundings(argv), name, globals), { flags: {}, words: [] });
    const text = json ? successDocument(name, result.data) : resultText(result);
    return typeof text === 'string' ? text : null;
  } catch {
    return null;
  }
}

async function load(name: Hot): Promise<CommandSpec> {
  return name === 'status'
    ? (await import('./commands/status.ts')).status
    : (await import('./commands/whoami.ts')).whoami;
}

function surroundings(argv: readonly string[]): Surroundings {
  const { env, platform, execPath: node } = process;
  return {
    argv,
    env,
    get cwd() {
      return workingFolder(process);
    },
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return standardOutput(() => process.stdout);
    },
    get stderr() {
      return process.stderr;
    },
    platform,
    node,
    get signal() {
      return new AbortController().signal;
    },
  };
}
