/** The whole program, `dist/auths-main.js`: every command. `auths` itself is hot.ts, which comes here for all but a few. */
import { commands } from './commands/index.ts';
import { runProcess } from './run-process.ts';

runProcess(commands);
