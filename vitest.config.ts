import { defineConfig } from 'vitest/config'

const resolve = { conditions: ['@icmpkit/source'] }
const shared = { resolve, ssr: { resolve } }

/** Only a whole run leaves the report that the conformance ledger reads: a run of one file would say less. */
const whole = process.argv.slice(2).every((a) => a === 'run')

/** Kernel tests that judge times, rates or losses. */
const ALONE = [
  'capture',
  'door-contract',
  'door-rtt',
  'floods',
  'lab-tools-alone',
  'lab-up',
  'odd-circumstances',
  'os-process',
  'ping-capture',
  'ping-many',
  'ping-rtt',
  'port-contract',
]

export default defineConfig({
  ...shared,
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // Ends a test that hangs; nothing here is judged by how long it takes.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    globalSetup: ['test/build.ts'],
    reporters: whole ? ['default', ['json', { outputFile: 'conformance/.report.json' }]] : ['default'],
    projects: [
      {
        ...shared,
        test: {
          name: 'sources',
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/kernel/**', '**/node_modules/**'],
          setupFiles: ['test/property-seed.ts'],
        },
      },
      {
        // After the others, one file at a time: these measure time and count packets, and two cores are few.
        ...shared,
        test: {
          name: 'kernel-alone',
          include: ALONE.map((file) => `test/kernel/${file}.test.ts`),
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Networks of their own, which mostly wait for a peer: two files at a time.
        ...shared,
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          exclude: [...ALONE.map((file) => `test/kernel/${file}.test.ts`), '**/node_modules/**'],
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
