import { defineConfig } from 'vitest/config'

const resolve = { conditions: ['@icmpkit/source'] }
const shared = { resolve, ssr: { resolve } }

/** Only a whole run leaves the report that the conformance ledger reads: a run of one file would say less. */
const whole = process.argv.slice(2).every((a) => a === 'run')

export default defineConfig({
  ...shared,
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/build.ts'],
    reporters: whole ? ['default', ['json', { outputFile: 'conformance/.report.json' }]] : ['default'],
    projects: [
      {
        ...shared,
        test: {
          name: 'sources',
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/kernel/**', '**/node_modules/**'],
        },
      },
      {
        // After the others, one file at a time: these measure time and count packets, and two cores are few.
        ...shared,
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
