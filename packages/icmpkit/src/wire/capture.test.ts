import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CaptureReader,
  CaptureWriter,
  comments,
  type Frame,
  frameTime,
  identify,
  MAX_PACKET,
  records,
} from './capture.ts'
import type { Malformed } from './malformed.ts'
import { hex, unhex } from './octets.ts'
import * as pcap from './pcap.ts'
import * as pcapng from './pcapng.ts'

/** An echo request of 42 octets, in an Ethernet frame made by scapy. */
const PACKET = '02000000000202000000000108004500001c000100004001f6d5c0000201c00002090800f7f700070001'
/** The same packet as scapy and editcap wrote it to files. */
const FILES = {
  'pcap, little-endian, µs (scapy)': `d4c3b2a1020004000000000000000000ffff000001000000992a236940e201002a0000002a000000${PACKET}`,
  'pcap, big-endian, µs (scapy)': `a1b2c3d40002000400000000000000000000ffff0000000169232a990001e2400000002a0000002a${PACKET}`,
  'pcap, little-endian, ns (editcap)': `4d3cb2a1020004000000000000000000ffff000001000000992a236900ca5b072a0000002a000000${PACKET}`,
  'pcapng (editcap)': `0a0d0d0a6c0000004d3c2b1a01000000ffffffffffffffff0400450045646974636170202857697265736861726b2920342e302e313720284769742076342e302e3137207061636b6167656420617320342e302e31372d302b6465623132753329000000000000006c000000010000001400000001000000ffff0000140000000600000068000000000000004444060080fabed82a0000002a000000${PACKET}00000100120068c3a9205c655b33316d20636f6d6d656e7400000000000068000000`,
}

interface Seen {
  index: number
  time: string | null
  data: string
  length: number
  linkType: number
  offset: number
  comments: string[]
  port: number
}

function seen(f: Frame): Seen {
  return {
    index: f.index,
    time: frameTime(f),
    data: hex(f.bytes, f.at, f.end),
    length: f.length,
    linkType: f.linkType,
    offset: f.offset,
    comments: comments(f),
    port: f.port,
  }
}

/** Everything a reader says of a file that comes in pieces of these sizes, over and over. */
function read(file: Uint8Array, sizes: readonly number[] = [file.length || 1]): (Seen | Malformed)[] {
  const reader = new CaptureReader(16)
  const all: (Seen | Malformed)[] = []
  const drain = () => {
    for (let s = reader.next(); s !== 'more'; s = reader.next()) all.push(s === 'packet' ? seen(reader.frame) : s)
  }
  for (let at = 0, n = 0; at < file.length; n++) {
    const size = Math.max(1, sizes[n % sizes.length]!)
    reader.push(file.subarray(at, at + size))
    at += size
    drain()
  }
  reader.end()
  drain()
  return all
}

function packetsOf(file: Uint8Array): Seen[] {
  return read(file).filter((s): s is Seen => 'data' in s)
}

function flawsOf(file: Uint8Array): Malformed[] {
  return read(file).filter((s): s is Malformed => 'why' in s)
}

function join(...parts: Uint8Array[]): Uint8Array {
  return unhex(parts.map((p) => hex(p)).join(''))
}

describe('files of other programs', () => {
  for (const [name, file] of Object.entries(FILES)) {
    test(`${name}: the packet, its time and its link type are what the writer put in`, () => {
      expect(read(unhex(file))).toEqual([
        {
          index: 1,
          time: '1763912345.123456000',
          data: PACKET,
          length: 42,
          linkType: 1,
          offset: name.startsWith('pcapng') ? 128 : 24,
          comments: name.startsWith('pcapng') ? ['hé \\e[31m comment'] : [],
          port: 0,
        },
      ])
    })
  }

  test('a file is told from its first four octets, and only from those', () => {
    expect(Object.values(FILES).map((f) => identify(unhex(f.slice(0, 8))))).toEqual(['pcap', 'pcap', 'pcap', 'pcapng'])
    expect(identify(unhex('a1b2cd34'))).toBeUndefined()
    expect(identify(unhex('a1b2c3'))).toBeUndefined()
    expect(read(unhex('1f8b0800000000000003'))).toEqual([{ kind: 'malformed', why: 'unknown-format', at: 0 }])
    expect(read(new Uint8Array(0))).toEqual([{ kind: 'malformed', why: 'unknown-format', at: 0 }])
  })
})

describe('pcapng', () => {
  const SECTION = '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000'
  /** Interface block with these options, little-endian. */
  const port = (options: string, linkType = '0100', snap = '00000000') => {
    const total = 20 + options.length / 2
    const length = hex(Uint8Array.of(total & 255, total >> 8, 0, 0))
    return `01000000${length}${linkType}0000${snap}${options}${length}`
  }
  /** Enhanced packet block of four octets on interface 0 with this stamp. */
  const packet = (stamp: string, on = '00000000') => `0600000024000000${on}${stamp}0400000004000000deadbeef24000000`
  const timeWith = (options: string, stamp: string) =>
    packetsOf(unhex(SECTION + port(options) + packet(stamp)))[0]!.time

  test('stamps are exact in every resolution (if_tsresol), and if_tsoffset is added (draft-ietf-opsawg-pcapng §4.2)', () => {
    const high = '4444060080fabed8' // 1763912345123456 units
    expect(timeWith('', high)).toBe('1763912345.123456000')
    expect(timeWith('0900010006000000', high)).toBe('1763912345.123456000')
    expect(timeWith('0900010009000000', high)).toBe('1763912.345123456')
    expect(timeWith('0900010003000000', high)).toBe('1763912345123.456000000')
    expect(timeWith('0900010000000000', high)).toBe('1763912345123456.000000000')
    expect(timeWith('090001000c000000', high)).toBe('1763.912345123')
    expect(timeWith('090001008a000000', '00000000000e0000')).toBe('3.500000000')
    expect(timeWith('09000100ff000000', 'ffffffffffffffff')).toBe('0.000000000')
    expect(timeWith('0e000800ffffffffffffffff', '0000000040420f00')).toBe('0.000000000')
    expect(timeWith('0e000800feffffffffffffff', '0000000060e31600')).toBe('-0.500000000')
    expect(timeWith('0e0008000000000001000000', '0000000001000000')).toBe('4294967296.000001000')
  })

  test('nanoseconds survive writing and reading, whatever the moment', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(999_999_999), (seconds, nanoseconds) => {
        const w = new CaptureWriter({ linkType: 101 })
        const file = join(w.head, w.packet({ seconds, nanoseconds, data: Uint8Array.of(1) }))
        expect(packetsOf(file)[0]!.time).toBe(`${seconds}.${String(nanoseconds).padStart(9, '0')}`)
      }),
    )
  })

  test('simple and obsolete packet blocks are read, names and statistics are stepped over (draft §4.4, §4.5, §4.6, A)', () => {
    const names = '0400000014000000000000000000000014000000'
    const statistics = '05000000180000000000000000000000000000001800 0000'
    const simple = '030000001400000004000000cafebabe14000000'
    const obsolete = '020000002400000000000500 4444060080fabed80400000008000000deadbeef24000000'
    const all = packetsOf(unhex(SECTION + port('') + names + simple + statistics + obsolete))
    expect(all.map((p) => [p.index, p.time, p.data, p.length])).toEqual([
      [1, null, 'cafebabe', 4],
      [2, '1763912345.123456000', 'deadbeef', 8],
    ])
  })

  test('a simple packet has as many octets as the snap length of its interface lets it (draft §4.4)', () => {
    const simple = '030000001400000040000000cafebabe14000000'
    expect(packetsOf(unhex(SECTION + port('', '6500', '04000000') + simple))).toMatchObject([
      { data: 'cafebabe', length: 64, linkType: 101 },
    ])
    expect(flawsOf(unhex(SECTION + port('') + simple))).toMatchObject([{ why: 'bad-length' }])
  })

  test('a new section brings its own byte order and interfaces; the old ones are forgotten', () => {
    const big = '0a0d0d0a0000001c1a2b3c4d00010000ffffffffffffffff0000001c'
    const bigPort = '0000000100000014 00e50000 00000000 00000014'
    const bigPacket = '00000006000000240000000000064444d8befa800000000400000004deadbeef00000024'
    const file =
      SECTION + port('') + packet('4444060080fabed8') + big + packet('0000000000000000') + bigPort + bigPacket
    expect(packetsOf(unhex(file)).map((p) => [p.index, p.time, p.linkType, p.port])).toEqual([
      [1, '1763912345.123456000', 1, 0],
      [2, '1763912345.123456000', 0xe5, 1],
    ])
  })

  test('several interfaces keep their own clocks and names', () => {
    const file = unhex(
      SECTION +
        port('02000400657468300900010009000000') +
        port('', '6500') +
        packet('4444060080fabed8') +
        packet('4444060080fabed8', '01000000'),
    )
    expect(packetsOf(file).map((p) => [p.time, p.linkType, p.port])).toEqual([
      ['1763912.345123456', 1, 0],
      ['1763912345.123456000', 101, 1],
    ])
    const reader = new CaptureReader()
    reader.push(file)
    while (reader.next() !== 'more');
    expect(reader.interfaces.map((i) => i.name)).toEqual(['eth0', ''])
  })

  test('every comment of a packet is kept, as it was written', () => {
    const w = new CaptureWriter({ linkType: 1, name: 'lo' })
    const data = unhex(PACKET)
    const file = join(
      w.head,
      w.packet({ seconds: 1, nanoseconds: 2, data, comment: 'grüße\u001b[31m' }),
      w.packet({ seconds: 1, nanoseconds: 3, data, comment: '' }),
    )
    expect(packetsOf(file).map((p) => p.comments)).toEqual([['grüße\u001b[31m'], []])
  })

  test('a packet of an interface that nobody described, or longer than its block, is one bad record and no more', () => {
    const strange = packet('0000000000000000', '07000000')
    const long = '0600000024000000000000000000000000000000ffffffff04000000deadbeef24000000'
    const file = unhex(SECTION + port('') + strange + long + packet('4444060080fabed8'))
    expect(read(file)).toMatchObject([
      { why: 'unknown-format', at: 56 },
      { why: 'bad-length', at: 104 },
      { index: 1, data: 'deadbeef' },
    ])
  })

  test('a block whose length cannot be true is told, and reading goes on at the next whole block', () => {
    for (const length of ['ffffff7f', '03000000', '08000000', '25000000', '00000000']) {
      const bad = `06000000${length}00000000444406`
      const file = unhex(`${SECTION}${port('')}${bad}0080fabed8${packet('4444060080fabed8')}`)
      expect(read(file), length).toMatchObject([
        { why: 'bad-length', at: 52 },
        { index: 1, data: 'deadbeef' },
      ])
    }
    const liar = packet('4444060080fabed8').replace(/24000000$/, '28000000')
    expect(read(unhex(SECTION + port('') + liar + packet('4444060080fabed8')))).toMatchObject([
      { why: 'bad-length', at: 80 },
      { index: 1, data: 'deadbeef' },
    ])
  })

  test('a section of another version is stepped over to the next section', () => {
    const two = SECTION.replace('4d3c2b1a0100', '4d3c2b1a0200')
    const file = two + port('') + packet('4444060080fabed8') + SECTION + port('') + packet('4444060080fabed8')
    expect(read(unhex(file))).toMatchObject([{ why: 'unknown-format', at: 12 }, { index: 1 }])
  })

  test('a large block of another kind is stepped over without being kept', () => {
    const reader = new CaptureReader(1024)
    reader.push(unhex(SECTION + port('')))
    expect(reader.next()).toBe('more')
    const total = 12 * 1024 * 1024
    const head = unhex(`0a00000000000000`)
    new DataView(head.buffer).setUint32(4, total, true)
    reader.push(head)
    const filler = new Uint8Array(65_536)
    let most = 0
    for (let sent = 8; sent < total - 4; ) {
      const more = Math.min(filler.length, total - 4 - sent)
      reader.push(filler.subarray(0, more))
      sent += more
      expect(reader.next()).toBe('more')
      most = Math.max(most, reader.unread.length)
    }
    expect(most).toBeLessThan(16)
    reader.push(join(head.subarray(4), unhex(packet('4444060080fabed8'))))
    expect(reader.next()).toBe('packet')
  })

  test('a flood of interface blocks does not grow memory without end', () => {
    const reader = new CaptureReader()
    reader.push(unhex(SECTION))
    const many = unhex(port('').repeat(1000))
    let refused = 0
    for (let n = 0; n < 70; n++) {
      reader.push(many)
      for (let s = reader.next(); s !== 'more'; s = reader.next()) refused += s !== 'packet' ? 1 : 0
    }
    expect(reader.interfaces.length).toBe(65_536)
    expect(refused).toBe(70_000 - 65_536)
  })
})

describe('pcap', () => {
  const HEAD = 'd4c3b2a1020004000000000000000000ffff000001000000'
  const record = (data: string, captured = le(data.length / 2), length = captured, at = '992a236940e20100') =>
    `${at}${captured}${length}${data}`
  const le = (n: number) => hex(Uint8Array.of(n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24))

  test('a file cut inside a record gives the packets before, then one truncated record at the end of the file', () => {
    const whole = unhex(HEAD + record(PACKET) + record(PACKET))
    for (let end = whole.length - 1; end > 24 + 58; end--) {
      expect(read(whole.subarray(0, end)), `cut at ${end}`).toMatchObject([
        { index: 1, data: PACKET },
        { why: 'truncated', at: end },
      ])
    }
    for (let end = 23; end >= 4; end--)
      expect(read(whole.subarray(0, end))).toEqual([{ kind: 'malformed', why: 'truncated', at: end }])
  })

  test('after a length that cannot be true, reading goes on at the next two records that make sense', () => {
    const bad = record(PACKET, 'ffffff7f')
    const file = unhex(HEAD + record(PACKET) + bad + record(PACKET) + record('aa'))
    expect(read(file)).toMatchObject([
      { index: 1, offset: 24 },
      { why: 'bad-length', at: 24 + 58 + 8 },
      { index: 2, offset: 24 + 58 + 58, data: PACKET },
      { index: 3, data: 'aa' },
    ])
  })

  test('a record longer than the file says it kept is believed up to 65,535 octets, since some writers do that', () => {
    const head = 'd4c3b2a10200040000000000000000004000000001000000'
    const data = 'ab'.repeat(1000)
    expect(packetsOf(unhex(head + record(data)))).toMatchObject([{ length: 1000 }])
    expect(flawsOf(unhex(head + record(data, le(65_536))))[0]).toMatchObject({ why: 'bad-length' })
    expect(flawsOf(unhex(HEAD.replace('ffff0000', '00000000') + record(data, le(MAX_PACKET + 1))))[0]).toMatchObject({
      why: 'bad-length',
    })
  })

  test('an original length below the captured one counts as the captured one, and too many microseconds carry over', () => {
    expect(packetsOf(unhex(HEAD + record('aabb', le(2), le(1))))).toMatchObject([{ length: 2, data: 'aabb' }])
    expect(packetsOf(unhex(HEAD + record('aabb', le(2), le(2), `992a2369${le(3_500_000)}`)))).toMatchObject([
      { time: '1763912348.500000000' },
    ])
  })

  test('what follows the link type in its field is not part of it', () => {
    expect(packetsOf(unhex(HEAD.replace(/01000000$/, '01000014') + record('aa')))[0]!.linkType).toBe(1)
  })

  test('our files begin as tcpdump writes them, in both resolutions', () => {
    const w = new CaptureWriter({ format: 'pcap', digits: 6, linkType: 1, snapLength: 65_535 })
    expect(hex(w.head)).toBe(HEAD)
    expect(hex(w.packet({ seconds: 1763912345, nanoseconds: 123456999, data: unhex(PACKET) }))).toBe(record(PACKET))
    const ns = new CaptureWriter({ format: 'pcap', linkType: 1, snapLength: 65_535 })
    expect(hex(ns.head) + hex(ns.packet({ seconds: 1763912345, nanoseconds: 123456000, data: unhex(PACKET) }))).toBe(
      FILES['pcap, little-endian, ns (editcap)'],
    )
    expect(() => w.packet({ seconds: 2 ** 32, nanoseconds: 0, data: new Uint8Array(0) })).toThrow(RangeError)
    expect(() => w.interface({ linkType: 1 })).toThrow(TypeError)
  })
})

describe('any octets', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...Object.values(FILES).map(unhex)),
      fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 12 }),
      fc.nat(400),
    )
    .map(([file, changes, cut]) => {
      const copy = join(file, file.subarray(24), file.subarray(24)).slice(0, file.length * 3 - cut)
      for (const [at, value] of changes) if (copy.length > 4) copy[4 + (at % (copy.length - 4))] = value
      return copy
    })
  const anything = fc.oneof(
    mutated,
    fc.uint8Array({ maxLength: 400 }).map((noise) => join(unhex('d4c3b2a1'), noise)),
    fc.uint8Array({ maxLength: 300 }),
  )

  test('come to the same records in whatever pieces they arrive, never throw, and never name an offset outside the file', () => {
    fc.assert(
      fc.property(
        anything,
        fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 5 }),
        (file, sizes) => {
          const whole = read(file)
          expect(read(file, sizes)).toEqual(whole)
          for (const s of whole) {
            if ('why' in s) expect(s.at).toBeLessThanOrEqual(file.length)
            else expect(s.offset + s.data.length / 2).toBeLessThanOrEqual(file.length)
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('records() gives the same as a reader that is pushed', () => {
    fc.assert(
      fc.property(mutated, (file) => {
        expect([...records(file)].map((r) => ('kind' in r ? r : seen(r)))).toHaveLength(read(file).length)
      }),
    )
  })
})

test('block builders refuse what no file can hold', () => {
  expect(() => pcapng.packet({ seconds: -1, nanoseconds: 0, data: new Uint8Array(0) })).toThrow(RangeError)
  expect(() =>
    pcapng.packet({ seconds: 0, nanoseconds: 0, data: new Uint8Array(0), comment: 'x'.repeat(70_000) }),
  ).toThrow(RangeError)
  expect(() => pcap.writeHeader({ linkType: -1 }, new Uint8Array(24), 0)).toThrow(RangeError)
})
