import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['@icmpkit/source'] },
  ssr: { resolve: { conditions: ['@icmpkit/source'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/build.ts'],
    reporters: ['default', ['json', { outputFile: 'conformance/.report.json' }]],
  },
})
