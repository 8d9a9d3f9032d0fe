/**
 * The YAML file of `icmp notify serve`, read strictly: a key that is none, or a value of the wrong kind, is one line with
 * its place and what was expected.
 *
 *   programs:
 *     dns: { protocol: udp, port: 53, unit: named, probe: dns, grace: 1s }
 *     web: { protocol: tcp, port: 80, probe: "http:/healthz", every: 2s, message: maintenance, back-in: 10m, reset: true }
 *     old: udp/5353
 */
import type { NoticeProgram } from 'icmpkit'
import { isMap, isScalar, type Node, type YAMLMap } from 'yaml'
import { YamlFile } from '../yaml-place.ts'
import { PARTS, setPart } from './program-flag.ts'

/** @throws ConfigError with the file, the line and what was expected */
export function readConfig(file: string): NoticeProgram[] {
  const yaml = YamlFile.read(file)
  const { contents } = yaml.doc
  const error = (at: number, what: string) => yaml.error(at, what)
  if (!isMap(contents)) throw error(0, 'expected the key programs')
  const programs: NoticeProgram[] = []
  for (const [key, value, at] of pairs(contents)) {
    if (key !== 'programs') throw error(at, `${key}: no such key; expected programs`)
    if (!isMap(value)) throw error(at, 'programs: expected names, as dns: udp/53')
    for (const [name, what, place] of pairs(value)) programs.push(programOf(name, what, place, error))
  }
  return programs
}

function programOf(
  name: string,
  what: Node | null,
  at: number,
  error: (at: number, what: string) => Error,
): NoticeProgram {
  const read = (place: number, fn: () => void) => {
    try {
      fn()
    } catch (e) {
      throw error(place, (e as Error).message)
    }
  }
  const short = isScalar(what) ? /^(udp|tcp)\/(\d{1,5})$/.exec(String(what.value)) : null
  if (short !== null) return { name, protocol: short[1] as 'udp' | 'tcp', port: Number(short[2]) }
  if (!isMap(what)) throw error(at, `${name}: expected udp/PORT, tcp/PORT or { protocol: udp, port: 53 }`)
  const values = new Map<string, { value: Node | null; place: number }>(
    pairs(what).map(([key, value, place]) => [key, { value, place }] as const),
  )
  const protocol = scalar(values.get('protocol')?.value)
  const port = scalar(values.get('port')?.value)
  if (protocol !== 'udp' && protocol !== 'tcp') throw error(at, `${name}: protocol: expected udp or tcp`)
  if (port === undefined || !/^\d{1,5}$/.test(port)) throw error(at, `${name}: port: expected a number`)
  const program: NoticeProgram = { name, protocol, port: Number(port) }
  // The probe before what is said about it, whatever the order in the file.
  for (const key of PARTS) {
    const one = values.get(key)
    if (one === undefined) continue
    const text = scalar(one.value)
    if (text === undefined) throw error(one.place, `${key}: expected one value`)
    read(one.place, () => setPart(program, key, text))
  }
  for (const [key, { place }] of values)
    if (key !== 'protocol' && key !== 'port' && !PARTS.includes(key))
      throw error(place, `${key}: no such key; expected protocol, port, ${PARTS.join(', ')}`)
  return program
}

function scalar(value: Node | null | undefined): string | undefined {
  return isScalar(value) && value.value !== null ? String(value.value) : undefined
}

function pairs(map: YAMLMap): [string, Node | null, number][] {
  return map.items.map(({ key, value }) => [
    isScalar(key) ? String(key.value) : '',
    value as Node | null,
    (key as Node).range?.[0] ?? 0,
  ])
}
