/** Prints what was skipped and why, then one plain closing line, and leaves the counts for `.ci/run`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const cases = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string): TestCase[] => cases.filter((test) => test.result().state === state);
    const broken = modules.filter(
      (module) => module.state() === 'failed' && module.errors().length > 0,
    ).length;
    const passed = inState('passed').length;
    const failed = inState('failed').length + broken + errors.length;
    const skipped = inState('skipped').map((test) => `${test.module.relativeModuleId}: ${test.fullName}`);
    if (skipped.length > 0)
      process.stdout.write(`\nskipped, for want of something on this machine:\n  ${skipped.join('\n  ')}\n`);
    mkdirSync('test-output', { recursive: true });
    writeFileSync('test-output/summary.json', JSON.stringify({ passed, failed, skipped }, null, 2));
    process.stdout.write(
      `\n${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}\n`,
    );
  }
}
