/** `icmp lab new`: an example network to start from, on standard output. */
import { put, remark } from '../output.ts'
import { TEMPLATES } from './templates.ts'

/** Returns the exit code: 0, 2 where there is no such example. */
export function print(name: string | undefined, flags: { list?: true }): number {
  const names = Object.keys(TEMPLATES)
  if (flags.list === true) {
    put(1, Buffer.from(names.map((n) => `${n.padEnd(10)} ${headOf(TEMPLATES[n]!)}\n`).join('')))
    return 0
  }
  const found = Object.hasOwn(TEMPLATES, name ?? names[0]!) ? TEMPLATES[name ?? names[0]!] : undefined
  if (found === undefined) {
    remark(`icmp: there is no example '${name}'; expected ${names.join(', ')}\n`)
    return 2
  }
  put(1, Buffer.from(found))
  return 0
}

function headOf(text: string): string {
  return text.slice(2, text.indexOf('\n'))
}
