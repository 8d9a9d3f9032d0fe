/** The packets of transit-packets.py, extension-packets.py and extended-echo-packets.py, by name. */
import { readFileSync } from 'node:fs'

const PACKETS: ReadonlyMap<string, string> = new Map(
  ['transit', 'extension', 'extended-echo'].flatMap((file) =>
    readFileSync(new URL(`${file}-packets.tsv`, import.meta.url), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t') as [string, string]),
  ),
)

/** Hex. @throws RangeError where there is none of that name: a test that gives nothing would prove nothing */
export function packet(name: string): string {
  const text = PACKETS.get(name)
  if (text === undefined) throw new RangeError(`there is no packet ${name}`)
  return text
}
