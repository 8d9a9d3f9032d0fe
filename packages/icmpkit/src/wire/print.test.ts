import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Carried } from './carried.ts'
import { emptyFrame, type Frame } from './frame.ts'
import { AsciiLine } from './line.ts'
import { LinkType } from './link-layer.ts'
import { hex, unhex } from './octets.ts'
import { PacketPrinter, type PrinterOptions } from './print.ts'

function frameOf(bytes: Uint8Array, linkType: number, at = 0, end: number = bytes.length): Frame {
  return {
    ...emptyFrame(),
    index: 7,
    bytes,
    at,
    end,
    length: end - at,
    linkType,
    seconds: 1763912345,
    nanoseconds: 1000,
  }
}

/** The line of one packet, as `icmp decode` makes it. */
function line(f: Frame, options?: PrinterOptions): string {
  if (options !== undefined) return lineOf(new PacketPrinter(out, options), f)
  return lineOf(untimed, f)
}

/** One for all: its buffer and its address cache see everything. */
const out = new AsciiLine(64)
const untimed = new PacketPrinter(out, { timed: false })

function lineOf(printer: PacketPrinter, f: Frame): string {
  out.end = 0
  const c = new Carried()
  const found = c.find(f)
  if (found === 'icmp') printer.packet(f, c)
  else if (found === 'later-fragment') printer.laterFragment(f, c)
  else if (found === 'bad-ip') printer.badIp(f, c, c.flaw(f))
  else return found
  return out.text().trimEnd()
}

const raw = (h: string) => line(frameOf(unhex(h), LinkType.raw))

/** Packets of every type, made by scapy (test/fuzz/seeds.py). */
const CORPUS = readFileSync(resolve(import.meta.dirname, '../../../../test/fuzz/seeds.tsv'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((l) => l.split('\t') as [string, string, string])
const PACKETS = CORPUS.filter(([kind]) => kind === 'ip4' || kind === 'ip6')
const named = (kind: string, what: string) => CORPUS.find(([k, , name]) => k === kind && name === what)![1]

describe('lines', () => {
  test('ICMPv4 reads as tcpdump writes it, with the quoted datagram behind', () => {
    expect(raw(named('ip4', 'port unreachable quoting udp'))).toBe(
      'IP 192.0.2.1 > 198.51.100.7: ICMP 198.51.100.7 udp port 33434 unreachable, length 48, about udp 192.0.2.1.40000 > 198.51.100.7.33434',
    )
    expect(raw(named('ip4', 'fragmentation needed quoting udp'))).toBe(
      'IP 192.0.2.1 > 198.51.100.7: ICMP 198.51.100.7 unreachable - need to frag (mtu 1400), length 48, about udp 192.0.2.1.40000 > 198.51.100.7.33434',
    )
    expect(raw(named('ip4', 'port unreachable quoting echo'))).toMatch(
      /about icmp 192\.0\.2\.1 > 198\.51\.100\.7 echo request id 1 seq 2$/,
    )
  })

  test('a missing option is told by its type, not as a place in the header (RFC 1108 §2.8.1) [v4-pp-code1-missing]', () => {
    const problem = (message: string) => raw(`4500001c0001000040010000c0000201c6336407${message}`)
    expect(problem('0c01f1fe82000000').split('ICMP ')[1]).toBe(
      'parameter problem - code 1, without option 130, length 8, nothing quoted',
    )
    expect(problem('0c02f1fd82000000').split('ICMP ')[1]).toBe(
      'parameter problem - code 2, octet 130, length 8, nothing quoted',
    )
    expect(problem('0c00f1ff82000000').split('ICMP ')[1]).toBe(
      'parameter problem - octet 130, length 8, nothing quoted',
    )
  })

  test('ICMPv6 reads as tcpdump writes it, with options behind', () => {
    expect(raw(named('ip6', 'port unreachable quoting udp'))).toBe(
      'IP6 2001:db8::1 > 2001:db8:1::7: ICMP6, destination unreachable, unreachable port, 2001:db8:1::7 udp port 33434, length 68, about udp 2001:db8::1.40000 > 2001:db8:1::7.33434',
    )
    expect(raw(named('ip6', 'neighbor solicitation'))).toMatch(
      /ICMP6, neighbor solicitation, who has fe80::\S+, length \d+, source link-address [0-9a-f:]{17}/,
    )
  })

  test('the time is the local one that the zone says, asked once a quarter of an hour', () => {
    const asked: number[] = []
    const zone = (s: number) => {
      asked.push(s)
      return s < 1763913600 ? 3600 : 7200
    }
    const out = new AsciiLine()
    const printer = new PacketPrinter(out, { zone, numbered: true })
    const c = new Carried()
    const f = frameOf(unhex(named('ip4', 'echo request')), LinkType.raw)
    for (const seconds of [1763912345, 1763912345, 1763912346, 1763913599, 1763913600, -1]) {
      f.seconds = seconds
      c.find(f)
      printer.packet(f, c)
    }
    expect(
      out
        .text()
        .split('\n')
        .map((l) => l.slice(0, 20)),
    ).toEqual([
      '7 16:39:05.000001000',
      '7 16:39:05.000001000',
      '7 16:39:06.000001000',
      '7 16:59:59.000001000',
      '7 18:00:00.000001000',
      '7 00:59:59.000001000',
      '',
    ])
    expect(asked).toHaveLength(4)
  })

  test('six digits for a clock of microseconds, and a word for a record without a time', () => {
    const f = frameOf(unhex(named('ip4', 'echo request')), LinkType.raw)
    f.digits = 6
    expect(line(f, {})).toMatch(/^15:39:05\.000001 IP /)
    f.digits = 0
    expect(line(f, {})).toMatch(/^no time IP /)
  })

  test('VLAN tags and the way of a cooked packet stand in front', () => {
    const ip = named('ip4', 'echo request')
    const tagged = `020000000002020000000001 8100000a 81000014 0800${ip}`
    expect(line(frameOf(unhex(tagged), LinkType.ethernet))).toMatch(
      /^vlan 10, vlan 20, ethertype IPv4, IP 192\.0\.2\.1 > /,
    )
    const cooked = `0800000000000003000104060000000000000000${ip}`
    expect(line(frameOf(unhex(cooked), LinkType.linuxSll2))).toMatch(/^ifindex 3 Out IP 192\.0\.2\.1 > /)
  })

  test('a message without its packet is printed alone', () => {
    const bytes = unhex('80000000000700010203')
    const out = new AsciiLine()
    const c = new Carried()
    c.bare(6, 0, bytes.length)
    new PacketPrinter(out, { timed: false }).packet(frameOf(bytes, LinkType.raw), c)
    expect(out.text()).toBe('ICMP6, echo request, id 7, seq 1, length 10\n')
    expect(c.verify(bytes)).toBe('unverifiable')
  })

  test('an IP packet longer than what was on the wire says how much is missing', () => {
    expect(raw(named('ip4', 'echo request').slice(0, -8))).toMatch(
      /^IP truncated-ip - 4 bytes missing! 192\.0\.2\.1 > /,
    )
  })

  test('what a message of another sender claims cannot bring control codes to a terminal', () => {
    const portal = '2506' + hex(new TextEncoder().encode('https://\u001b]0;x\u0007\u009b31m')).padEnd(92, '0')
    const advertisement = `86000000 4000 0708 00000000 00000000 ${portal}`
    const message = unhex(advertisement)
    const packet = `60000000${message.length.toString(16).padStart(4, '0')}3aff fe80000000000000 0000000000000001 ff02000000000000 0000000000000001${advertisement}`
    const text = raw(packet)
    expect(text).toContain('captive portal https://\\x1b]0;x\\x07\\xc2\\x9b31m')
    expect(text).toMatch(/^[ -~]+$/)
  })
})

describe('what ends early', () => {
  /** Every truncation of a packet, between two surroundings: both must print the same, in printable ASCII. */
  function truncations([kind, octets]: readonly [string, string, string]): void {
    const packet = unhex(octets)
    for (let end = 0; end <= packet.length; end++) {
      const lines = [0x00, 0xff].map((poison) => {
        const around = new Uint8Array(packet.length + 64).fill(poison)
        around.set(packet.subarray(0, end), 32)
        const f = frameOf(around, kind === 'ip4' ? LinkType.ip4 : LinkType.ip6, 32, 32 + end)
        return [line(f), line({ ...f, length: packet.length })]
      })
      expect(lines[0], `${end} octets`).toEqual(lines[1])
      for (const l of lines[0]!) expect(l).toMatch(/^[ -~]+$/)
    }
  }

  test('CVE-2017-12895 (tcpdump, icmp_print): no ICMPv4 packet reads past its end, wherever it is cut', () => {
    const four = PACKETS.filter(([kind]) => kind === 'ip4')
    expect(four.length).toBeGreaterThan(50)
    for (const p of four) truncations(p)
  })

  test('CVE-2018-14882 (tcpdump, icmp6_print): no ICMPv6 packet reads past its end, wherever it is cut', () => {
    const six = PACKETS.filter(([kind]) => kind === 'ip6')
    expect(six.length).toBeGreaterThan(50)
    for (const p of six) truncations(p)
  })

  test('any octets behind any IP header print as one line of ASCII, twice the same between different surroundings', () => {
    const message = fc.tuple(
      fc.constantFrom('ip4', 'ip6'),
      fc.nat(255),
      fc.nat(20),
      fc.uint8Array({ maxLength: 120 }),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }),
    )
    fc.assert(
      fc.property(message, ([kind, type, code, rest, changes]) => {
        const body = [type, code, 0, 0, ...rest]
        const four = kind === 'ip4'
        const header = four
          ? unhex(`4500${(20 + body.length).toString(16).padStart(4, '0')}000100004001 0000 c0000201c0000209`)
          : unhex(
              `60000000${body.length.toString(16).padStart(4, '0')}3a40 20010db8000000000000000000000001 20010db8000000000000000000000002`,
            )
        const packet = Uint8Array.from([...header, ...body])
        for (const [at, value] of changes) packet[at % packet.length] = value
        const lines = [0x00, 0xff].map((poison) => {
          const around = new Uint8Array(packet.length + 64).fill(poison)
          around.set(packet, 32)
          return line(frameOf(around, four ? LinkType.ip4 : LinkType.ip6, 32, 32 + packet.length))
        })
        expect(lines[0]).toBe(lines[1])
        expect(lines[0]).toMatch(/^[ -~]+$/)
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('where ICMP is carried', () => {
  const echo = named('ip4', 'echo request')
  const find = (f: Frame) => {
    const c = new Carried()
    return { found: c.find(f), c, f }
  }

  test('behind up to two VLAN tags, cooked and raw link layers; tunnels are not opened', () => {
    const ethernet = '020000000002020000000001'
    const at = (linkType: number, h: string) => find(frameOf(unhex(h), linkType)).found
    expect(at(LinkType.ethernet, `${ethernet}0800${echo}`)).toBe('icmp')
    expect(at(LinkType.ethernet, `${ethernet}88a8000181000002 0800${echo}`)).toBe('icmp')
    expect(at(LinkType.ethernet, `${ethernet}88a800018100000281000003 0800${echo}`)).toBe('other')
    expect(at(LinkType.linuxSll, `00000001000600000000000000000800${echo}`)).toBe('icmp')
    expect(at(LinkType.null, `02000000${echo}`)).toBe('icmp')
    expect(at(LinkType.loop, `00000002${echo}`)).toBe('icmp')
    expect(at(LinkType.raw, echo.replace(/^(.{18})01/, '$111'))).toBe('other')
    expect(
      at(
        LinkType.raw,
        `4500${(20 + echo.length / 2).toString(16).padStart(4, '0')}0001000040040000c0000201c0000209${echo}`,
      ),
    ).toBe('other')
    expect(at(147, echo)).toBe('unknown-link')
  })

  test('in a first fragment, whose checksum nobody can judge, and not in the later ones', () => {
    const first = find(frameOf(unhex(echo.replace(/^(.{12})0000/, '$12000')), LinkType.raw))
    expect(first.found).toBe('icmp')
    expect(first.c.verify(first.f.bytes)).toBe('unverifiable')
    const later = find(frameOf(unhex(echo.replace(/^(.{12})0000/, '$10001')), LinkType.raw))
    expect(later.found).toBe('later-fragment')
    const six = named('ip6', 'echo request')
    const split = (offset: string) => {
      const inner = six.slice(80)
      const length = (inner.length / 2 + 8).toString(16).padStart(4, '0')
      return find(
        frameOf(
          unhex(`${six.slice(0, 8)}${length}2c40${six.slice(16, 80)}3a00${offset}00000007${inner}`),
          LinkType.raw,
        ),
      )
    }
    expect(split('0001').found).toBe('icmp')
    expect(split('0001').c.fragment).toBe(true)
    expect(split('0000').c.verify(split('0000').f.bytes)).toBe('ok')
    expect(split('0009').found).toBe('later-fragment')
  })

  test('the right checksum is the one that every whole packet of the corpus has', () => {
    let judged = 0
    for (const [kind, octets] of PACKETS) {
      const { found, c, f } = find(frameOf(unhex(octets), kind === 'ip4' ? LinkType.ip4 : LinkType.ip6))
      if (found !== 'icmp' || c.verify(f.bytes) !== 'ok') continue
      judged++
      const stated = (f.bytes[c.at + 2]! << 8) | f.bytes[c.at + 3]!
      f.bytes[c.at + 2]! ^= 0x55
      expect(c.verify(f.bytes)).toBe('bad')
      expect(c.rightChecksum(f.bytes)).toBe(stated)
    }
    expect(judged).toBeGreaterThan(100)
  })
})
