/** `dist/auths-hot.js`: `status` and `whoami` where there is no error to tell; else the whole program does it all again. */
import { answer, continueIn } from './hot-answer.ts';
import { run } from './hot-commands.ts';

const argv = process.argv.slice(2);

void run(argv.includes('whoami') ? 'whoami' : 'status', argv).then((text) => {
  if (text === null) continueIn('./auths-main.js');
  else answer(text);
});
