/** The datagrams of transit-packets.py, by name. */
import { readFileSync } from 'node:fs'

const PACKETS: ReadonlyMap<string, string> = new Map(
  readFileSync(new URL('transit-packets.tsv', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t') as [string, string]),
)

/** Hex. @throws RangeError where there is none of that name: a test that gives nothing would prove nothing */
export function packet(name: string): string {
  const text = PACKETS.get(name)
  if (text === undefined) throw new RangeError(`transit-packets.tsv has no ${name}`)
  return text
}
