/** The codec alone: parse, verify, and ask the registry what it is. No I/O, one thread. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { checksum, icmp4, icmp6, ip4, ip6, registry, unhex } from '../packages/icmpkit/src/wire/index.ts'
import { perItem, printTable } from './figures.ts'

export const question: string =
  'How many messages a second are parsed, verified and classified, and how does that compare with summing their octets?'

/** Packets that scapy made (test/fuzz/seeds.py), by family and what they are. */
const PACKETS = [
  ['ip4', 'echo request'],
  ['ip6', 'echo request'],
  ['ip4', 'port unreachable, extensions, udp'],
  ['ip6', 'no route, extensions, udp'],
  ['ip6', 'router advertisement of four options'],
  ['ip6', 'router advertisement'],
] as const
/** Side by side, more than the first-level cache holds: each message is fetched as a capture's would be. */
const COPIES = 2048
const ROUND = 100 * COPIES

export async function run(): Promise<void> {
  const rows = PACKETS.map(([family, name]) => {
    const packet = seed(family, name)
    const { length } = packet
    const buffer = new Uint8Array(length * COPIES)
    for (let i = 0; i < COPIES; i++) buffer.set(packet, i * length)
    const read = family === 'ip4' ? read4 : read6
    const whole = perItem(ROUND, () => each(buffer, length, read))
    const floor = perItem(ROUND, () => each(buffer, length, sumOnly))
    const ratio = (whole / floor).toFixed(1)
    return [`${family} ${name}`, length, Math.round(whole), Math.round(1e9 / whole), Math.round(floor), ratio]
  })
  printTable(['packet', 'octets', 'ns', 'messages/s', 'sum only, ns', 'ratio'], rows)
}

function seed(family: string, name: string): Uint8Array {
  const corpus = readFileSync(resolve(import.meta.dirname, '../test/fuzz/seeds.tsv'), 'utf8').split('\n')
  const line = corpus.find((l) => l.startsWith(`${family}\t`) && l.endsWith(`\t${name}`))
  if (!line) throw new Error(`no seed is ${family} ${name}`)
  return unhex(line.split('\t')[1]!)
}

/** Kept and looked at, so that no work is optimised away. */
let seen = 0

function each(buffer: Uint8Array, length: number, read: (bytes: Uint8Array, at: number, end: number) => number): void {
  for (let n = 0; n < ROUND; n += COPIES) {
    for (let at = 0; at < buffer.length; at += length) seen += read(buffer, at, at + length)
  }
  if (seen === 0) throw new Error('nothing was read')
}

function read4(bytes: Uint8Array, at: number, end: number): number {
  const h = ip4.parse(bytes, at, end)
  if (h.kind === 'malformed') throw new Error(h.why)
  const m = icmp4.parse(bytes, h.payload, h.end)
  if (m.kind === 'malformed') throw new Error(m.why)
  if (icmp4.verify(bytes, h.payload, h.end, h.end - h.payload) !== 'ok') throw new Error('checksum')
  return registry.lookup(4, icmp4.typeOf(m), m.code).class === 'error' ? 1 : 2
}

function read6(bytes: Uint8Array, at: number, end: number): number {
  const h = ip6.parse(bytes, at, end)
  if (h.kind === 'malformed') throw new Error(h.why)
  const m = icmp6.parse(bytes, h.payload, h.end)
  if (m.kind === 'malformed') throw new Error(m.why)
  if (icmp6.verifyAt(bytes, h.payload, h.end, h.end - h.payload, at) !== 'ok') throw new Error('checksum')
  return registry.lookup(6, icmp6.typeOf(m), m.code).class === 'error' ? 1 : 2
}

function sumOnly(bytes: Uint8Array, at: number, end: number): number {
  return checksum.fold(checksum.sum(bytes, at, end))
}
