import { env } from 'node:process';
import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/closing-line.ts';

/** Other machines in network namespaces, and races that must have both cores: nothing else may run beside them. */
const ALONE = ['test/network/**/*.test.ts', 'test/races/**/*.test.ts'];

export default defineConfig({
  test: {
    reporters: ['default', new ClosingLine()],
    testTimeout: 60_000,
    hookTimeout: 60_000,
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
          exclude: [...ALONE, '**/node_modules/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
