/** `npm run bench -- NAME` runs one benchmark; `-- --list` names them, each with the question that it answers. */
import { globSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'

/** What a file in this folder exports to be a benchmark. */
interface Benchmark {
  question: string
  /** Prints its table. */
  run(): Promise<void>
}

const names = globSync('*.ts', { cwd: import.meta.dirname })
  .filter((f) => /^export const question\b/m.test(readFileSync(resolve(import.meta.dirname, f), 'utf8')))
  .map((f) => basename(f, '.ts'))
  .sort()

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...more]: string[]): Promise<number> {
  if (name === '--list' && more.length === 0) {
    const widest = Math.max(...names.map((n) => n.length))
    for (const n of names) process.stdout.write(`${n.padEnd(widest)}  ${(await load(n)).question}\n`)
    return 0
  }
  if (name === undefined || more.length > 0 || !names.includes(name)) {
    process.stderr.write(`bench: one of ${names.join(', ')}; --list says what each answers\n`)
    return 2
  }
  const benchmark = await load(name)
  process.stdout.write(`${benchmark.question}\n\n`)
  await benchmark.run()
  return 0
}

function load(name: string): Promise<Benchmark> {
  return import(`./${name}.ts`)
}
