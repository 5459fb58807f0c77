/**
 * Prints what was skipped and why, then one plain closing line, and leaves for `.ci/run` the counts, the names
 * of what failed with why, and where the time went: there only the end of a long output may be kept.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const cases = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string): TestCase[] => cases.filter((test) => test.result().state === state);
    const passed = inState('passed').length;
    const skipped = inState('skipped').map((test) => `${test.module.relativeModuleId}: ${test.fullName}`);
    if (skipped.length > 0)
      process.stdout.write(`\nskipped, for want of something on this machine:\n  ${skipped.join('\n  ')}\n`);
    const failures = [
      ...inState('failed').map(
        (test) => `${test.module.relativeModuleId}: ${test.fullName}: ${firstWords(test.result().errors)}`,
      ),
      ...modules
        .filter((module) => module.state() === 'failed' && module.errors().length > 0)
        .map((module) => `${module.relativeModuleId}: ${firstWords(module.errors())}`),
      ...errors.map((error) => firstWords([error])),
    ];
    const slowest = modules
      .map((module): [string, number] => [
        module.relativeModuleId,
        Math.round(module.diagnostic().duration / 1000),
      ])
      .filter(([, seconds]) => seconds >= 10)
      .toSorted((one, other) => other[1] - one[1])
      .map(([name, seconds]) => `${seconds} s ${name}`);
    const failed = failures.length;
    mkdirSync('test-output', { recursive: true });
    writeFileSync(
      'test-output/summary.json',
      JSON.stringify({ passed, failed, skipped, failures, slowest }, null, 2),
    );
    process.stdout.write(
      `\n${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}\n`,
    );
  }
}

/** The first error's message, as far as one line of it goes. */
function firstWords(errors: readonly unknown[] | undefined): string {
  const first = errors?.[0];
  const message =
    typeof first === 'object' && first !== null && 'message' in first ? String(first.message) : String(first);
  return message.split('\n').slice(0, 3).join(' ').slice(0, 300);
}
