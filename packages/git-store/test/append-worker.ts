/** A process that appends: argv = home, name of the sample log, how many. Every append that was confirmed is printed. */
import type { StoredLog } from '@auths/core/ports';
import { sampleInteraction, sampleLog } from '@auths/testing/sample-events';
import { gitEventLog } from '../src/event-log.ts';
import { createHome } from '../src/home-repository.ts';
import { frameMessages } from '../src/log-segments.ts';

const [dir, name, count] = process.argv.slice(2) as [string, string, string];
const { prefix, events } = sampleLog(name);
const home = createHome(dir);
const log = gitEventLog(home);
for (let done = 0; done < Number(count);) {
  const current: StoredLog | null = await log.read(prefix);
  let next: StoredLog | null;
  if (current === null) {
    next = await log.append(prefix, null, events);
    continue;
  }
  const sequence = frameMessages(current.stream)?.length ?? 0;
  const event = sampleInteraction(name, prefix, sequence, current.tip, `${process.pid} ${done}`);
  next = await log.append(prefix, current.version, [event]);
  if (next === null) continue;
  done += 1;
  process.stdout.write(`${event.said}\n`);
}
await home.close();
