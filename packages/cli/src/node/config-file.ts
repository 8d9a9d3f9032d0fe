/**
 * The YAML file of `icmp host` and `icmp gateway`, read strictly: a key that is none, or a value of the wrong kind, is
 * one line with its place and what was expected. Flags are added to what the file says.
 */
import type { NodeOptions, NodePort } from 'icmpkit'
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'
import { parseDuration } from '../duration.ts'
import { type ConfigError, YamlFile } from '../yaml-place.ts'
import { parsePort } from './flags.ts'

export type FileOptions = Pick<NodeOptions, 'ports' | 'via' | 'routes' | 'busyPoll'> &
  Record<Switches, Record<string, unknown>>

type Switches = 'ip4' | 'ip6' | 'errorExtensions' | 'extendedEcho'

export interface NodeFile {
  readonly options: FileOptions
  /** Of what the library says is wrong with them (`ip4.ttl: …`, `host: route 10.0.0.0/8=…`), with its place where that is here. */
  placed(message: string): ConfigError | undefined
}

/** @throws ConfigError with the file, the line and what was expected */
export function readConfig(file: string): NodeFile {
  const yaml = YamlFile.read(file)
  const placed = (message: string) => {
    for (const [pattern, path] of PATHS) {
      const found = pattern.exec(message)
      if (found === null) continue
      const { at, left } = yaml.placeOf(`${path}${found[1]}`)
      if (left === '') return yaml.error(at, message)
    }
    return undefined
  }
  return { options: new Reader(yaml).read(), placed }
}

/** How the library begins what it says, and where that stands. */
const PATHS = [
  [/^((?:ip4|ip6|errorExtensions|extendedEcho)\b[^:]*)/, ''],
  [/^\w+: route ([^=]+)=/, 'routes.'],
  [/^\w+: port ([^:]+): /, 'ports.'],
] as const

class Reader {
  readonly #yaml: YamlFile

  constructor(yaml: YamlFile) {
    this.#yaml = yaml
  }

  read(): FileOptions {
    const { doc } = this.#yaml
    if (!isMap(doc.contents)) throw this.#error(0, `expected keys: ${KEYS.join(', ')}`)
    const out: FileOptions = { ports: [], via: [], routes: [], ip4: {}, ip6: {}, errorExtensions: {}, extendedEcho: {} }
    for (const [key, value, at] of this.#pairs(doc.contents)) {
      switch (key) {
        case 'ports':
          out.ports = this.#ports(value, at)
          break
        case 'via':
          out.via = this.#texts(value, at, 'an address, or a list of addresses')
          break
        case 'routes':
          out.routes = this.#routes(value, at)
          break
        case 'busyPoll':
          out.busyPoll = this.#time(value, at, key)
          break
        case 'ip4':
        case 'ip6':
        case 'errorExtensions':
        case 'extendedEcho':
          if (!isMap(value)) throw this.#error(at, `${key}: expected switches, as ttl: 64`)
          out[key] = value.toJSON() as Record<string, unknown>
          break
        default:
          throw this.#error(at, `${key}: no such key; expected ${KEYS.join(', ')}`)
      }
    }
    return out
  }

  #ports(value: Node | null, at: number): NodePort[] {
    if (!isMap(value)) throw this.#error(at, 'ports: expected interfaces, as eth1: [192.0.2.1/24]')
    return [...this.#pairs(value)].map(([name, what, where]) => {
      const named = parsePort(name)
      if (!isMap(what)) return { ...named, addresses: this.#texts(what, where, 'a list of addresses') }
      const port: { -readonly [K in keyof NodePort]: NodePort[K] } = { ...named }
      for (const [key, v, place] of this.#pairs(what)) {
        if (key === 'addresses') port.addresses = this.#texts(v, place, 'a list of addresses')
        else if (key === 'vlan' || key === 'mtu') port[key] = this.#number(v, place, key)
        else if (key === 'mac') port.mac = this.#text(v, place, 'mac: expected 02:00:00:00:00:01')
        else if (key === 'door') {
          const door = this.#text(v, place, 'door: expected packet, tun or tap')
          if (door !== 'packet' && door !== 'tun' && door !== 'tap')
            throw this.#error(place, `door: ${door}; expected packet, tun or tap`)
          port.door = door
        } else throw this.#error(place, `${key}: no such key; expected addresses, vlan, mtu, mac, door`)
      }
      return port
    })
  }

  #routes(value: Node | null, at: number): string[] {
    if (isMap(value)) {
      return [...this.#pairs(value)].map(([prefix, v, place]) => {
        return `${prefix}=${this.#text(v, place, `${prefix}: expected a next hop, unreachable, prohibit or blackhole`)}`
      })
    }
    return this.#texts(value, at, 'routes, as 198.51.100.0/24: 192.0.2.254')
  }

  #texts(value: Node | null, at: number, expected: string): string[] {
    if (isScalar(value) && typeof value.value === 'string') return [value.value]
    if (!isSeq(value)) throw this.#error(at, `expected ${expected}`)
    return value.items.map((item) => this.#text(item as Node, (item as Node).range?.[0] ?? at, `expected ${expected}`))
  }

  #text(value: Node | null, at: number, expected: string): string {
    if (isScalar(value) && typeof value.value === 'string') return value.value
    throw this.#error(at, expected)
  }

  #number(value: Node | null, at: number, key: string): number {
    if (isScalar(value) && typeof value.value === 'number') return value.value
    throw this.#error(at, `${key}: expected a number`)
  }

  /** Milliseconds, or a number with its unit. */
  #time(value: Node | null, at: number, key: string): number {
    const ms = isScalar(value) ? parseDuration(String(value.value), 'ms') : undefined
    if (ms === undefined) throw this.#error(at, `${key}: expected a time, as 200ms`)
    return ms
  }

  *#pairs(map: YAMLMap): Generator<[string, Node | null, number]> {
    for (const { key, value } of map.items) {
      const at = (key as Node).range?.[0] ?? 0
      if (!isScalar(key)) throw this.#error(at, 'expected a word before the colon')
      yield [String(key.value), value as Node | null, at]
    }
  }

  #error(at: number, what: string): ConfigError {
    return this.#yaml.error(at, what)
  }
}

const KEYS = ['ports', 'via', 'routes', 'busyPoll', 'ip4', 'ip6', 'errorExtensions', 'extendedEcho']
