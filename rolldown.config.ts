import { readFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'

const { version } = JSON.parse(readFileSync('packages/icmpkit/package.json', 'utf8')) as { version: string }

const resolve = { conditionNames: ['@icmpkit/source', 'import', 'node', 'default'] }

export default defineConfig([
  {
    input: {
      index: 'packages/icmpkit/src/index.ts',
      wire: 'packages/icmpkit/src/wire/index.ts',
      probe: 'packages/icmpkit/src/probe/index.ts',
      os: 'packages/icmpkit/src/os/index.ts',
    },
    platform: 'node',
    external: ['koffi'],
    resolve,
    output: { dir: 'packages/icmpkit/dist', chunkFileNames: 'chunk/[name]-[hash].js', cleanDir: true },
  },
  {
    // One lazy chunk a command: what `icmp ping` does not use is not read (docs/decisions).
    input: { main: 'packages/cli/src/main.ts' },
    transform: { define: { __VERSION__: JSON.stringify(version) } },
    platform: 'node',
    external: ['koffi'],
    resolve,
    output: { dir: 'packages/icmpkit/dist/cli', chunkFileNames: '[name]-[hash].js' },
  },
])
