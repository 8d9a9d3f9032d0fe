/**
 * What V8 has compiled by the end of a short run of each command, kept beside it for the next start: half of the time of
 * a ping is compiling (docs/decisions/start-up.md). A cache serves one version of Node; any other compiles anew.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Script } from 'node:vm'

/** Runs that use what the next start will use; how they end does not matter. */
const RUNS: readonly (readonly string[])[] = [
  ['ping', '-c1', '127.0.0.1'],
  ['send', '--help'],
  ['decode', '0800f7fd00010001'],
  ['host', '--help'],
  ['gateway', '--help'],
  ['lab', '--help'],
  ['demo', '--help'],
  ['all', '--help'],
]
const DIRECTORY = resolve(import.meta.dirname, '../packages/icmpkit/dist/cli')

const [, , command, ...args] = process.argv
if (command === undefined) {
  chmodSync(DIRECTORY, 0o755)
  for (const run of RUNS) spawnSync(process.execPath, [import.meta.filename, ...run], { timeout: 10_000 })
} else keep(command, args)

/** Runs the command in this process, and writes the cache when it ends. */
function keep(command: string, args: readonly string[]): void {
  const filename = `${DIRECTORY}/${command}.js`
  // Opened before the command drops its rights.
  const fd = openSync(`${filename}.cache`, 'w', 0o644)
  const script = new Script(readFileSync(filename, 'utf8'), { filename })
  process.on('exit', () => {
    writeFileSync(fd, script.createCachedData())
    closeSync(fd)
  })
  process.argv = [process.argv0, 'icmp', command, ...args]
  script.runInThisContext()(filename)
}
