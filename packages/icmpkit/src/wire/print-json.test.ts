import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { readIp4, readIp6, showIp } from './addr.ts'
import { Carried } from './carried.ts'
import { emptyFrame, type Frame } from './frame.ts'
import * as icmp4 from './icmp4.ts'
import * as icmp6 from './icmp6.ts'
import { type Json, toJson } from './json.ts'
import { AsciiLine } from './line.ts'
import { LinkType } from './link-layer.ts'
import { unhex } from './octets.ts'
import { type PacketFacts, PacketJson } from './print-json.ts'
import { lookup } from './registry.ts'

/** Packets of every type, made by scapy (test/fuzz/seeds.py). */
const CORPUS = readFileSync(resolve(import.meta.dirname, '../../../../test/fuzz/seeds.tsv'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((l) => l.split('\t') as [string, string, string])
  .filter(([kind]) => kind === 'ip4' || kind === 'ip6')

const FACTS: PacketFacts = { checksum: 'ok', headerChecksum: 'ok', malformed: undefined, cut: false, port: null }
const line = new AsciiLine(64)
const json = new PacketJson(line, 'icmpkit.test.v1')

function frameOf(bytes: Uint8Array, linkType: number = LinkType.raw): Frame {
  const { length } = bytes
  return {
    ...emptyFrame(),
    index: 5,
    bytes,
    end: length,
    length,
    linkType,
    seconds: 1763912345,
    nanoseconds: 12,
    optionsAt: length,
    optionsEnd: length,
  }
}

function said(write: () => void): Record<string, Json> {
  line.end = 0
  write()
  const text = new TextDecoder().decode(line.bytes.subarray(0, line.end))
  expect(text.endsWith('}\n') && text.indexOf('\n') === text.length - 1).toBe(true)
  return JSON.parse(text)
}

test('an echo from its octets says what the parsed message says, and every line what its packet says', () => {
  let echoes = 0
  let others = 0
  const c = new Carried()
  for (const [, octets] of CORPUS) {
    const bytes = unhex(octets)
    const f = frameOf(bytes)
    if (c.find(f) !== 'icmp') continue
    const four = c.family === 4
    const message = four ? icmp4.parse(bytes, c.at, c.end) : icmp6.parse(bytes, c.at, c.end)
    if (message.kind === 'malformed') continue
    const expected = {
      kind: 'packet',
      schema: 'icmpkit.test.v1',
      index: 5,
      time: '1763912345.000000012',
      src: showIp(four ? readIp4(bytes, 12) : readIp6(bytes, 8)),
      dst: showIp(four ? readIp4(bytes, 16) : readIp6(bytes, 24)),
      family: c.family,
      type: bytes[c.at],
      code: bytes[c.at + 1],
      name: lookup(c.family, bytes[c.at]!, bytes[c.at + 1]!).name,
      checksum: 'ok',
      headerChecksum: 'ok',
      malformed: null,
      malformedAt: null,
      length: c.length,
      ttl: bytes[four ? 8 : 7],
      vlan: [],
      fragment: c.fragment,
      cut: false,
      interface: null,
      comments: [],
      message: toJson(message),
      quote: null,
    }
    expect(said(() => json.message(f, c, FACTS, toJson(message), null))).toEqual(expected)
    const isEcho = message.kind === 'echoRequest' || message.kind === 'echoReply'
    line.end = 0
    expect(json.echo(f, c, FACTS)).toBe(isEcho)
    if (isEcho) {
      echoes++
      const slow = said(() => json.message(f, c, FACTS, toJson(message), null))
      expect(said(() => json.echo(f, c, FACTS))).toEqual(slow)
      expect(Object.keys(said(() => json.echo(f, c, FACTS)))).toEqual(Object.keys(slow))
    } else {
      others++
      expect(line.end).toBe(0)
    }
  }
  expect(echoes).toBeGreaterThan(5)
  expect(others).toBeGreaterThan(100)
})

test('names from outside are JSON strings, whatever is in them', () => {
  const bytes = unhex(CORPUS.find(([kind, , what]) => kind === 'ip4' && what === 'echo request')![1])
  const f = frameOf(bytes)
  const c = new Carried()
  c.find(f)
  const port = 'eth0"\\\u001b[31m\u2028ü'
  expect(said(() => json.echo(f, c, { ...FACTS, port })).interface).toBe(port)
  expect(said(() => json.echo(f, c, FACTS)).interface).toBeNull()
})

test('what is not known is null: time, addresses, type, code; VLANs are told', () => {
  const echo = CORPUS.find(([kind, , what]) => kind === 'ip4' && what === 'echo request')![1]
  const c = new Carried()
  const untimed = { ...frameOf(unhex(echo)), digits: 0 }
  c.find(untimed)
  expect(said(() => json.echo(untimed, c, FACTS)).time).toBeNull()
  const early = { ...untimed, digits: 9, seconds: -1, nanoseconds: 500_000_000 }
  expect(said(() => json.echo(early, c, FACTS)).time).toBe('-0.500000000')
  const alone = frameOf(unhex('8000000000070001'))
  c.bare(6, 0, 8)
  expect(said(() => json.echo(alone, c, FACTS))).toMatchObject({ src: null, dst: null, ttl: null, type: 128 })
  c.bare(6, 0, 1)
  const malformed = { kind: 'malformed', why: 'truncated', at: 1 } as const
  expect(said(() => json.message(alone, c, { ...FACTS, malformed }, null, null))).toMatchObject({
    type: 128,
    code: null,
    malformed: 'truncated',
    malformedAt: 1,
  })
  c.bare(6, 0, 0)
  expect(said(() => json.message(alone, c, FACTS, null, null))).toMatchObject({ type: null, code: null, name: null })
  const tagged = frameOf(unhex(`0200000000020200000000018100000a810000140800${echo}`), LinkType.ethernet)
  c.find(tagged)
  expect(said(() => json.echo(tagged, c, FACTS))).toMatchObject({ vlan: [10, 20], src: '192.0.2.1' })
  expect(said(() => json.badIp(tagged, c, { ...FACTS, malformed }))).toMatchObject({
    src: null,
    type: null,
    message: null,
    malformedAt: 23,
  })
})
