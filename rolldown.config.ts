import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { defineConfig, type Plugin } from 'rolldown'

const { version } = JSON.parse(readFileSync('packages/icmpkit/package.json', 'utf8')) as { version: string }

const resolve = { conditionNames: ['@icmpkit/source', 'import', 'node', 'default'] }

/**
 * `import 'node:fs'` makes Node read every property of fs, and the getters among them load streams: 8 ms of each start.
 * In the command the built-in modules are taken as they are, and only what is used is read.
 */
const builtins: Plugin = {
  name: 'builtins',
  resolveId: (id) => (isBuiltin(id) ? { id: `\0node:${id.replace(/^node:/, '')}`, moduleSideEffects: false } : null),
  load(id) {
    if (!id.startsWith('\0node:')) return null
    const name = id.slice(1)
    // commander can start other programs as subcommands; we never do, and loading the module costs 3 ms.
    if (name === 'node:child_process') return 'export default {}'
    const properties = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(name) as object))
    const names = properties.filter(([n, p]) => p.get === undefined && /^[a-zA-Z]\w*$/.test(n) && n !== 'default')
    return [
      `const builtin = process.getBuiltinModule('${name}')`,
      'export default builtin',
      ...names.map(([n]) => `export const ${n} = builtin.${n}`),
    ].join('\n')
  },
}

export default defineConfig([
  {
    input: {
      index: 'packages/icmpkit/src/index.ts',
      wire: 'packages/icmpkit/src/wire/index.ts',
      probe: 'packages/icmpkit/src/probe/index.ts',
      os: 'packages/icmpkit/src/os/index.ts',
      stack: 'packages/icmpkit/src/stack/index.ts',
      lab: 'packages/icmpkit/src/lab/index.ts',
      notice: 'packages/icmpkit/src/notice/index.ts',
      listen: 'packages/icmpkit/src/listen/index.ts',
    },
    platform: 'node',
    external: ['koffi'],
    // Node 22 knows no `using` yet.
    transform: { target: 'es2024' },
    resolve,
    output: { dir: 'packages/icmpkit/dist', chunkFileNames: 'chunk/[name]-[hash].js', cleanDir: true },
  },
  ...['ping', 'send', 'decode', 'host', 'gateway', 'lab', 'demo', 'listen', 'notify', 'all'].map((command) => ({
    // A script of its own for each command: what `icmp ping` does not use is not read (docs/decisions/start-up.md).
    input: { [command]: `packages/cli/src/entry/${command}.ts` },
    platform: 'node' as const,
    external: ['koffi'],
    plugins: [builtins],
    treeshake: { propertyReadSideEffects: false as const },
    transform: {
      target: 'es2024' as const,
      define: { __VERSION__: JSON.stringify(version), 'import.meta.url': '__filename' },
    },
    resolve,
    output: {
      dir: 'packages/icmpkit/dist/cli',
      // A function that bin/icmp.js calls, and not a module: V8 takes the code of a script from a cache, functions that
      // were compiled while it ran included.
      format: 'cjs' as const,
      codeSplitting: false,
      postBanner: '(function (__filename) {"use strict";',
      postFooter: '})',
      // Half the octets are a third less to parse where there is no cache.
      minify: true,
    },
  })),
])
