/**
 * Writes README.md of this folder: each network, what it shows, and its picture as `icmp lab show` draws it.
 * `node examples/lab/pictures.ts`; with `--print` to standard output.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const folder = import.meta.dirname
const icmp = resolve(folder, '../../packages/icmpkit/bin/icmp.js')

function show(file: string, form: 'text' | 'mermaid'): string {
  const args = [icmp, 'lab', 'show', file, '--as', form]
  const env = { ...process.env, COLUMNS: '100' }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env })
  if (status !== 0) throw new Error(stderr)
  // Behind the picture come the lists of links, addresses and routes.
  return stdout.split('\nlinks:\n')[0]!.trimEnd()
}

function section(file: string): string {
  const head = readFileSync(resolve(folder, file), 'utf8').split('\n')[0]!.replace(/^# /, '')
  return [
    `## [${file}](${file})`,
    `${head}.`,
    `\`\`\`text\n${show(file, 'text')}\n\`\`\``,
    `\`\`\`mermaid\n${show(file, 'mermaid')}\n\`\`\``,
  ].join('\n\n')
}

const files = readdirSync(folder).filter((f) => f.endsWith('.yaml'))
const text = `# ${files.length} networks

Each runs as it is, without privileges: \`npx icmp lab run examples/lab/${files[0]}\` tells what happens in it. \`npx icmp lab show\`
draws it, \`npx icmp ping --lab FILE --from me srv\` asks in it, and as root \`npx icmp lab up FILE\` lets any program of this machine
speak to it. [docs/lab.md](../../docs/lab.md) says how such a file is written; [recipes/](recipes/) are tests of other people's
code. This page is made by \`node examples/lab/pictures.ts\`.

${files.map(section).join('\n\n')}
`
if (process.argv.includes('--print')) process.stdout.write(text)
else writeFileSync(resolve(folder, 'README.md'), text)
