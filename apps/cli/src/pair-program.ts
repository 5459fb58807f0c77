/** `dist/auths-pair.js`: `auths pair` on the host, whose code somebody waits for. The whole program is twice as much to load. */
import { runProcess } from './run-process.ts';

runProcess([{ name: 'pair', summary: '', load: () => import('./commands/pair.ts').then((m) => m.pair) }]);
