import { env } from 'node:process';
import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/closing-line.ts';

/** Other machines in network namespaces: they wait for one another most of the time, and mind who is slow. */
const NETWORK = ['test/network/**/*.test.ts'];
/** Races must have both cores: nothing else may run beside them. */
const ALONE = ['test/races/**/*.test.ts'];

export default defineConfig({
  test: {
    reporters: ['default', new ClosingLine()],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: [
            'packages/*/test/**/*.test.ts',
            'apps/*/test/**/*.test.ts',
            'test/**/*.test.ts',
            ...(env['AUTHS_KERIPY'] === 'none' ? [] : ['interop/**/*.test.ts']),
          ],
          exclude: [...NETWORK, ...ALONE, '**/node_modules/**'],
          // Most of them wait for processes of their own half of the time.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'network', include: NETWORK, maxWorkers: 3, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
