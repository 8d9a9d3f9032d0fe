/**
 * `icmp decode` and the capture files against the tools of the trade: tcpdump's lines fact by fact, tshark's fields, and
 * files that went through capinfos, editcap and tcpdump in both directions.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import {
  AsciiLine,
  Carried,
  capture,
  checksum,
  hex,
  linkLayer,
  PacketPrinter,
  unhex,
} from '../../packages/icmpkit/src/wire/index.ts'
import * as seeds from '../fuzz/seeds.ts'
import { packet as madePacket } from '../notice/notice-packets.ts'

const ICMP = resolve(import.meta.dirname, '../../packages/icmpkit/bin/icmp.js')
const { LinkType } = linkLayer
/** 2025-11-23 00:00:00 UTC: packet N of a file is N seconds later, so that its time names it. */
const MIDNIGHT = 1763856000

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'icmpkit-decode-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function needs(ctx: TestContext, tool: string, from: string): void {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined)
    ctx.skip(`skipped, because ${tool} is not installed (apt-get install ${from})`)
}

function tool(name: string, ...args: string[]): string {
  return execFileSync(name, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TZ: 'UTC', WIRESHARK_CONFIG_DIR: folder },
  })
}

/** Writes the packets to a file of ours, one a second. */
function file(
  name: string,
  linkType: number,
  packets: readonly Uint8Array[],
  format: capture.CaptureFormat = 'pcap',
): string {
  const w = new capture.CaptureWriter({ format, linkType })
  const parts = [w.head, ...packets.map((data, i) => w.packet({ seconds: MIDNIGHT + i, nanoseconds: 1000 * i, data }))]
  const path = join(folder, name)
  writeFileSync(path, Buffer.concat(parts))
  return path
}

function decode(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [ICMP, 'decode', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 110_000,
    env: { ...process.env, TZ: 'UTC' },
  })
}

interface Line {
  kind: string
  [field: string]: unknown
}

function json(text: string): Line[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

/** Each type with codes 0 to 4 and a high one, with 28 quiet octets and with a quote behind the fixed part. */
function sweep(family: 4 | 6): Uint8Array[] {
  const quote =
    family === 4
      ? '4500002800070000400106d5c0000201c00002090800f7f700070001'
      : '6000000000081140 20010db8000000000000000000000001 20010db8000000000000000000000002 9c40829a00080000'
  const packets: Uint8Array[] = []
  for (let type = 0; type < 256; type++) {
    for (const code of [0, 1, 2, 3, 4, 5, 9, 200]) {
      for (const body of ['00'.repeat(24), `0000ff00${quote}`.slice(0, -8), quote])
        packets.push(packet(family, type, code, unhex(body)))
    }
  }
  return packets
}

function packet(family: 4 | 6, type: number, code: number, body: Uint8Array): Uint8Array {
  const message = Uint8Array.from([type, code, 0, 0, ...body])
  const length = (message.length + (family === 4 ? 20 : 0)).toString(16).padStart(4, '0')
  const header = unhex(
    family === 4
      ? `4500${length}0001000040010000c0000201c0000209`
      : `60000000${length}3a4020010db800000000000000000000000120010db8000000000000000000000002`,
  )
  const pseudo = family === 6 ? checksum.pseudo6(header, 0, 58, message.length) : 0
  const sum = checksum.finish(checksum.sum(message, 0, message.length, pseudo))
  message[2] = sum >> 8
  message[3] = sum & 255
  return Uint8Array.from([...header, ...message])
}

/** Every packet of the corpus behind the link header of its family. */
function behind(four: string, six: string): Uint8Array[] {
  return [...seeds.IP4.map((ip) => unhex(four + hex(ip))), ...seeds.IP6.map((ip) => unhex(six + hex(ip)))]
}

describe('lines', () => {
  /** Our line of each packet, by its time of day. */
  function ours(path: string): Map<string, string> {
    const out = new AsciiLine(1 << 20)
    const printer = new PacketPrinter(out)
    const c = new Carried()
    const lines = new Map<string, string>()
    for (const f of capture.records(readFileSync(path))) {
      if ('kind' in f) throw new Error(f.why)
      out.end = 0
      const found = c.find(f)
      if (found === 'icmp') printer.packet(f, c)
      else if (found === 'later-fragment') printer.laterFragment(f, c)
      else if (found === 'bad-ip') printer.badIp(f, c, c.flaw(f))
      else continue
      const line = out.text()
      lines.set(line.slice(0, 8), line)
    }
    return lines
  }

  /** Addresses, numbers and words; numbers without leading zeros. */
  function facts(line: string): string[] {
    const found =
      line.toLowerCase().match(/[0-9a-f]*:[0-9a-f:]*(?:\d+(?:\.\d+){3})?|\d+(?:\.\d+)+|0x[0-9a-f]+|[a-z]+|\d+/g) ?? []
    return found.map((f) => f.replace(/^:(?!:)|(?<!:):$/g, '')).filter((f) => f !== '')
  }

  /** What tcpdump has on its line and we do not. */
  function lost(theirs: string, mine: string): string[] {
    const left = facts(mine)
    return facts(theirs).filter((f) => {
      const at = left.indexOf(f)
      if (at >= 0) left.splice(at, 1)
      return at < 0
    })
  }

  /**
   * Words of tcpdump 4.99 that are no facts: it calls node information by the name of what was there before RFC 4620 and
   * does not know its IPv4 qtype, it gives up (`[|icmp]`) on what it can't read, where we go on, it looks up the number of
   * a cooked packet's interface on the machine that reads the file, and it forgets two blanks.
   */
  function expected(line: string): string {
    return line
      .replace(/who-are-you (request|reply)(?= node information)/, '')
      .replace(/node information (query|reply) \(unknown/, 'node information $1')
      .replace(/unknown unreach|\[worktodo\]/, '')
      .replace(/(node addresses[^[]*)\[([aGSLCAT]+)\]/, '$1')
      .replace(/\[\|icmp6?\]/, '')
      .replace(/unknown icmp6 type/, 'type')
      .replace(/, 03 draft/, '')
      .replace(/listener (query|report|done)max/, 'listener $1 max')
  }

  for (const [name, linkType, packets] of [
    ['IPv4', LinkType.ip4, seeds.IP4],
    ['IPv6', LinkType.ip6, seeds.IP6],
    ['Ethernet', LinkType.ethernet, seeds.ETHERNET],
    ['cooked', LinkType.linuxSll, behind('00040001000602000000000100000800', '000400010006020000000001000086dd')],
    [
      'cooked, version 2',
      LinkType.linuxSll2,
      behind('080000007ffffff00001040602000000000100' + '00', '86dd00007ffffff00001000602000000000100' + '00'),
    ],
    ['loopback', LinkType.null, behind('02000000', '1e000000')],
    ['raw', LinkType.raw, behind('', '')],
    [
      'two VLAN tags',
      LinkType.ethernet,
      behind('02000000000202000000000188a8000a810000140800', '02000000000202000000000188a8000a8100001486dd'),
    ],
    ['IPv4 of every type', LinkType.raw, sweep(4)],
    ['IPv6 of every type', LinkType.raw, sweep(6)],
  ] as const) {
    test(`every address, number and word on tcpdump's line is on ours: ${name}`, (ctx) => {
      needs(ctx, 'tcpdump', 'tcpdump')
      const path = file(`${name}.pcap`, linkType, packets)
      const mine = ours(path)
      const wrong: string[] = []
      let compared = 0
      for (const line of tool('tcpdump', '-nn', '--nano', '-r', path).split('\n')) {
        if (!/ICMP/.test(line) || line.startsWith('\t')) continue
        const own = mine.get(line.slice(0, 8))
        if (own === undefined) {
          wrong.push(`no line for: ${line}`)
          continue
        }
        // tcpdump goes on behind a header chain that no receiver would follow.
        if (/malformed header/.test(own)) continue
        compared++
        const missing = lost(expected(line), own)
        if (missing.length > 0) wrong.push(`${missing.join(' ')}\n  ${line}\n  ${own.trimEnd()}`)
      }
      expect(wrong).toEqual([])
      expect(compared).toBeGreaterThan(packets.length / 3)
    })
  }
})

describe('icmp decode --json', () => {
  /** Without the jumbogram, which is as short as no jumbogram may be: tshark stops there. */
  const SIX = seeds.IP6.filter((p) => p[4] !== 0 || p[5] !== 0)

  /** What tshark says of each frame that has ICMP: the outermost, not what an error quotes. */
  function theirs(path: string): Map<number, Record<string, string>> {
    const fields = [
      ...['frame.number', 'frame.time_epoch', 'ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst'],
      ...['icmp.type', 'icmp.code', 'icmp.checksum.status', 'icmpv6.type', 'icmpv6.code', 'icmpv6.checksum.status'],
      ...['_ws.malformed', 'ip.cur_rt'],
    ]
    const args = [
      '-r',
      path,
      '-n',
      '-T',
      'fields',
      '-E',
      'separator=/t',
      '-E',
      'occurrence=f',
      '-o',
      'ip.defragment:FALSE',
    ]
    const rows = tool('tshark', ...args, '-o', 'ipv6.defragment:FALSE', ...fields.flatMap((f) => ['-e', f]))
    const frames = new Map<number, Record<string, string>>()
    for (const row of rows.trimEnd().split('\n')) {
      const values = row.split('\t')
      const frame = Object.fromEntries(fields.map((f, i) => [f, values[i] ?? '']))
      frames.set(Number(frame['frame.number']), frame)
    }
    return frames
  }

  const STATUS: Readonly<Record<string, string>> = { '0': 'bad', '1': 'ok', '2': 'unverifiable', '3': 'unverifiable' }

  for (const [name, linkType, packets] of [
    ['the IPv4 corpus', LinkType.ip4, seeds.IP4],
    ['the IPv6 corpus', LinkType.ip6, SIX],
    ['every IPv4 type', LinkType.raw, sweep(4)],
    ['every IPv6 type', LinkType.raw, sweep(6)],
    ['wrong checksums', LinkType.raw, [...seeds.IP4, ...SIX].map(spoil)],
  ] as const) {
    test(`type, code, addresses, time and checksum are what tshark says: ${name}`, (ctx) => {
      needs(ctx, 'tshark', 'tshark')
      const path = file('fields.pcapng', linkType, packets, 'pcapng')
      const { status, stdout } = decode('--json', path)
      expect(status).toBe(0)
      const lines = json(stdout)
      expect(lines.at(-1)).toMatchObject({ kind: 'summary', packets: packets.length })
      const frames = theirs(path)
      const seen = new Set<number>()
      const wrong: unknown[] = []
      for (const line of lines) {
        if (line.kind !== 'packet') continue
        const frame = frames.get(line.index as number)!
        seen.add(line.index as number)
        // A malformed header chain: what tshark finds behind it no receiver would.
        if (line.type === null && line.malformed !== null) continue
        const family = line.family === 4 ? ['ip', 'icmp'] : ['ipv6', 'icmpv6']
        const [ip, icmp] = family as [string, string]
        const expected = {
          src: frame[`${ip}.src`],
          // Of a source-routed packet tshark tells the last address, which is in an option, and the next one apart.
          dst: frame['ip.cur_rt'] || frame[`${ip}.dst`],
          type: Number(frame[`${icmp}.type`]),
          code: Number(frame[`${icmp}.code`]),
          time: frame['frame.time_epoch'],
        }
        const got = { src: line.src, dst: line.dst, type: line.type, code: line.code, time: line.time }
        const checked = frame[`${icmp}.checksum.status`]!
        const sum = checked === '' ? line.checksum : STATUS[checked]
        if (JSON.stringify(got) !== JSON.stringify(expected) || line.checksum !== sum)
          wrong.push({ got, expected, sum, line })
      }
      expect(wrong).toEqual([])
      const missed = [...frames.values()].filter(
        (f) => (f['icmp.type'] !== '' || f['icmpv6.type'] !== '') && !seen.has(Number(f['frame.number'])),
      )
      // tshark also opens tunnels and quotes without an error around them; the corpus has none in ICMP's place.
      expect(missed).toEqual([])
    })
  }

  /** The last octet turned over: no checksum survives that. */
  function spoil(p: Uint8Array): Uint8Array {
    const bad = p.slice()
    bad[bad.length - 1]! ^= 0xff
    return bad
  }
})

describe('capture files', () => {
  const packets = [...seeds.IP4.slice(0, 20), ...seeds.IP6.slice(0, 20)]

  /** All that a file of ours or theirs holds. */
  function contents(path: string): [string | null, string, number][] {
    return [...capture.records(readFileSync(path))].map((f) => {
      if ('kind' in f) throw new Error(`${f.why} at ${f.at}`)
      return [capture.frameTime(f), hex(f.bytes, f.at, f.end), f.length]
    })
  }

  test('what we write, capinfos and tshark read: packets, nanoseconds, interfaces, comments, the program', (ctx) => {
    needs(ctx, 'capinfos', 'wireshark-common')
    needs(ctx, 'tshark', 'tshark')
    for (const format of ['pcap', 'pcapng'] as const) {
      const infos = tool('capinfos', '-M', file(`ours.${format}`, LinkType.raw, packets, format))
      expect(infos).toMatch(/Number of packets: *40\n/)
      expect(infos).toMatch(/Data size: *\d+/)
      expect(infos).toMatch(/nanoseconds \(9\)/)
    }
    const w = new capture.CaptureWriter({ linkType: LinkType.raw, name: 'tun7', application: 'icmpkit test' })
    const second = w.interface({ linkType: LinkType.ip6, name: 'six' })
    const path = join(folder, 'comments.pcapng')
    const seconds = 1763912345
    writeFileSync(
      path,
      Buffer.concat([
        w.head,
        second.block,
        w.packet({ seconds, nanoseconds: 123456789, data: seeds.IP4[1]!, comment: 'sent – früh' }),
        w.packet({ seconds, nanoseconds: 999999999, data: seeds.IP6[1]!, port: second.port, length: 1500 }),
      ]),
    )
    const rows = tool(
      'tshark',
      '-r',
      path,
      '-n',
      '-T',
      'fields',
      ...['frame.time_epoch', 'frame.comment', 'frame.interface_name', 'frame.len'].flatMap((f) => ['-e', f]),
    )
    expect(rows).toBe(
      '1763912345.123456789\tsent – früh\ttun7\t44\n'.replace('44', String(seeds.IP4[1]!.length)) +
        '1763912345.999999999\t\tsix\t1500\n',
    )
    expect(tool('capinfos', path)).toMatch(/Capture application: *icmpkit test\n/)
  })

  test('what editcap and tcpdump write, we read: every format comes to the same packets', (ctx) => {
    needs(ctx, 'editcap', 'wireshark-common')
    needs(ctx, 'tcpdump', 'tcpdump')
    const path = file('origin.pcapng', LinkType.raw, packets, 'pcapng')
    const expected = contents(path)
    expect(expected).toHaveLength(40)
    for (const format of ['pcapng', 'nsecpcap']) {
      const other = join(folder, `editcap.${format}`)
      tool('editcap', '-F', format, path, other)
      expect(contents(other), format).toEqual(expected)
    }
    const cut = (all: typeof expected) =>
      all.map(([time, data, length]) => [time?.replace(/\d{3}$/, '000'), data, length])
    const micro = join(folder, 'editcap.pcap')
    tool('editcap', '-F', 'pcap', path, micro)
    expect(contents(micro)).toEqual(cut(expected))
    const dumped = join(folder, 'tcpdump.pcap')
    tool('tcpdump', '-r', path, '-w', dumped)
    expect(cut(contents(dumped))).toEqual(cut(expected))
    const short = join(folder, 'short.pcapng')
    tool('editcap', '-s', '30', path, short)
    expect(contents(short)).toEqual(expected.map(([time, data, length]) => [time, data.slice(0, 60), length]))
  })

  test('comments that editcap writes are shown, made harmless', (ctx) => {
    needs(ctx, 'editcap', 'wireshark-common')
    const path = file('plain.pcapng', LinkType.raw, packets, 'pcapng')
    const with1 = join(folder, 'editcap-comment.pcapng')
    tool('editcap', '-a', '2:look here\u001b[31m', path, with1)
    const text = decode(with1)
    expect(text.stdout).toContain('    # look here\\x1b[31m\n')
    const second = json(decode('--json', with1).stdout).find((l) => l.index === 2)
    expect(second).toMatchObject({ comments: ['look here\u001b[31m'] })
  })
})

describe('the command', () => {
  const echo = () => seeds.ICMP4.find((m) => m[0] === 8)!

  test('hex is read as the tallest layer it looks like, or as one is told, and that is said', () => {
    const ip = hex(seeds.IP4[1]!)
    const cases: [string[], RegExp, RegExp][] = [
      [[ip], /an IP packet/, /^IP 192\.0\.2\.1 > 198\.51\.100\.7: ICMP .* unreachable/],
      [[`020000000002 020000000001 0800 ${ip}`], /an Ethernet frame/, /^IP 192\.0\.2\.1 > /],
      [[`0x${hex(echo())}`], /an ICMPv4 message/, /^ICMP echo request, id /],
      [['80 00 00 00 00 07 00 01'], /an ICMPv6 message/, /^ICMP6, echo request, id 7, seq 1, length 8$/],
      [['--as', 'icmp6', '0300 0000 00000000'], /an ICMPv6 message$/, /^ICMP6, time exceeded/],
      [['--as', 'icmp4', '0300 0000 00000000'], /an ICMPv4 message$/, /^ICMP net something unreachable, length 8/],
    ]
    for (const [args, said, line] of cases) {
      const { status, stdout, stderr } = decode(...args)
      expect(status, stderr).toBe(0)
      expect(stderr.trimEnd()).toMatch(said)
      expect(stdout.trimEnd()).toMatch(line)
    }
    expect(json(decode('--json', hex(echo())).stdout)[0]).toMatchObject({
      src: null,
      dst: null,
      time: null,
      type: 8,
      checksum: 'ok',
    })
  })

  test('what is no input is refused with exit code 2, saying what was found and what is wanted', () => {
    const odd = (name: string, octets: string) => {
      const path = join(folder, name)
      writeFileSync(path, unhex(octets))
      return path
    }
    const cases: [string[], RegExp][] = [
      [['/nowhere/at.all'], /no such file.*pcap or pcapng/],
      [[], /give a capture file/],
      [['-i', 'lo', 'x'], /not both/],
      [[folder], /a directory/],
      [[odd('gz', '1f8b080000000000')], /gzip.*gunzip/],
      [[odd('modified', 'a1b2cd340002000400000000')], /modified pcap/],
      [[odd('empty', '')], /is empty/],
      [[odd('text', hex(new TextEncoder().encode('hello world\n')))], /is text/],
      [[odd('other', '7f454c4602010100')], /begins with 7f 45 4c 46/],
      [['--addr', 'x', 'ffff'], /--addr x/],
      [['--addr', '192.0.2.0/33', 'ffff'], /\/0 to \/32/],
      [['--type', 'pong', 'ffff'], /types are numbers/],
    ]
    for (const [args, said] of cases) {
      const { status, stdout, stderr } = decode(...args)
      expect(status, stderr).toBe(2)
      expect(stderr).toMatch(said)
      expect(stdout).toBe('')
    }
  })

  test('filters by family, type, code and prefix; -c stops; numbers are Wireshark’s', () => {
    const path = file('filters.pcap', LinkType.raw, [...seeds.IP4, ...seeds.IP6])
    const all = json(decode('--json', path).stdout).filter((l) => l.kind === 'packet')
    const some = (...args: string[]) => json(decode('--json', ...args, path).stdout).filter((l) => l.kind === 'packet')
    const known = all.filter((l) => l.type !== null)
    expect(some('-4')).toEqual(known.filter((l) => l.family === 4))
    expect(some('-6')).toEqual(known.filter((l) => l.family === 6))
    expect(some('--type', 'echo-request,3')).toEqual(
      known.filter((l) => l.type === 3 || l.type === (l.family === 4 ? 8 : 128)),
    )
    expect(some('--type', 'unreachable', '--code', '3', '--code', '4')).toEqual(
      known.filter((l) => l.type === (l.family === 4 ? 3 : 1) && (l.code === 3 || l.code === 4)),
    )
    expect(some('--addr', '192.0.2.0/24')).toEqual(
      known.filter((l) => /^192\.0\.2\./.test(`${l.src}`) || /^192\.0\.2\./.test(`${l.dst}`)),
    )
    expect(some('--addr', 'fe80::/10')).toEqual(known.filter((l) => `${l.src}${l.dst}`.includes('fe80:')))
    expect(some('--addr', 'fe80::/10').length).toBeGreaterThan(5)
    expect(some('-c', '3', '-6')).toEqual(known.filter((l) => l.family === 6).slice(0, 3))
    const numbered = decode('-#', '-6', '-c', '1', path).stdout
    expect(numbered).toMatch(new RegExp(`^${known.find((l) => l.family === 6)!.index} 00:`))
  })

  test('--check shows what is wrong with reason and offset, and exits 1; else nothing, and 0', () => {
    const good = seeds.IP4.find((p) => hex(p, 20, 22) === '0800')!
    const bad = good.slice()
    bad[bad.length - 1]! ^= 1
    const short = Uint8Array.from([...good.subarray(0, 2), 0, 24, ...good.subarray(4, 24)])
    expect(decode('--check', file('good.pcap', LinkType.raw, [good]))).toMatchObject({ status: 0, stdout: '' })
    const { status, stdout, stderr } = decode('--check', file('bad.pcap', LinkType.raw, [good, bad, short]))
    expect(status).toBe(1)
    const sum = (p: Uint8Array) => hex(p, 22, 24)
    expect(stdout).toMatch(/^2 00:00:01\.000001000 IP .*\n {4}bad checksum: 0x/)
    expect(stdout).toContain(`bad checksum: 0x${sum(bad)}, 0x`)
    expect(stdout).toContain('at octet 2 of the message (22 of the packet)')
    expect(stdout).toContain('malformed message: truncated at octet 4 of the message (24 of the packet)')
    expect(stderr).toMatch(/3 packets, 3 ICMP \(3 v4, 0 v6\), 2 bad checksums, 1 malformed/)
    expect(json(decode('--check', '--json', join(folder, 'bad.pcap')).stdout).map((l) => l.index)).toEqual([
      2,
      3,
      undefined,
    ])
    // The checksum that it calls right is the one that tshark calls right too.
    const right = /0x([0-9a-f]{4}) would be right/.exec(stdout)![1]!
    bad.set(unhex(right), 22)
    expect(decode('--check', hex(bad)).status).toBe(0)
  })

  test('--check tells a bad checksum of the IPv4 header, which tshark finds bad as well (RFC 791 §3.1)', (ctx) => {
    needs(ctx, 'tshark', 'tshark')
    const good = seeds.IP4.find((p) => p[9] === 1 && p[20] === 8 && ((p[6]! << 8) | p[7]!) === 0)!
    const bad = good.slice()
    bad[8]! ^= 1
    const path = file('headers.pcap', LinkType.raw, [good, bad])
    const { status, stdout, stderr } = decode('--check', path)
    expect(status).toBe(1)
    const [, stated, right] = stdout.match(
      /^2 .*\n {4}bad checksum of the IPv4 header: (0x\w{4}), (0x\w{4}) would be right, at octet 10 of it \(10 of the packet\)\n$/,
    )!
    expect(stderr).toContain('0 bad checksums, 0 malformed, 1 with a bad checksum of the IPv4 header')
    const fields = ['ip.checksum', 'ip.checksum_calculated'].flatMap((f) => ['-e', f])
    const theirs = tool('tshark', '-r', path, '-o', 'ip.check_checksum:TRUE', '-Tfields', ...fields)
    expect(theirs.trim().split('\n').at(-1)).toBe(`${stated}\t${right}`)
    expect(json(decode('--json', path).stdout).map((l) => l.headerChecksum ?? l.badHeaderChecksums)).toEqual([
      'ok',
      'bad',
      1,
    ])
  })

  test('--check tells a damaged extension structure, and calls the message around it sound (RFC 4884 §9)', () => {
    const whole = seeds.IP4[2]!
    const bad = whole.slice()
    // The last octet of the structure, and the sum of the message made right again (RFC 1624).
    const end = bad.length - 1
    const before = bad[end]!
    bad[end]! ^= 1
    const stated = (bad[22]! << 8) | bad[23]!
    const mended = checksum.update(stated, (bad[end - 1]! << 8) | before, (bad[end - 1]! << 8) | bad[end]!)
    bad[22] = mended >> 8
    bad[23] = mended & 255
    const { status, stdout, stderr } = decode('--check', file('extensions.pcap', LinkType.raw, [whole, bad]))
    expect(status).toBe(1)
    expect(stdout).toMatch(/^2 .*\n {4}bad checksum of the extension structure/)
    expect(stderr).toContain('0 bad checksums, 0 malformed, 1 with damaged extensions')
  })

  test('what a short capture cut off is not called malformed, and its checksum is unverifiable', () => {
    const w = new capture.CaptureWriter({ linkType: LinkType.raw })
    const advertisement = seeds.IP6.find((p) => p[40] === 134)!
    const path = join(folder, 'snapped.pcapng')
    writeFileSync(
      path,
      Buffer.concat([
        w.head,
        w.packet({ seconds: 1, nanoseconds: 0, data: advertisement.subarray(0, 60), length: advertisement.length }),
      ]),
    )
    expect(json(decode('--json', path).stdout)[0]).toMatchObject({
      type: 134,
      malformed: null,
      cut: true,
      checksum: 'unverifiable',
      message: null,
    })
    expect(decode('--check', path).status).toBe(0)
  })

  test('a cut file and a bad record do not end it: the rest is shown, and the summary says so', () => {
    const path = file('whole.pcap', LinkType.raw, seeds.IP4)
    const octets = readFileSync(path)
    const cut = join(folder, 'cut.pcap')
    writeFileSync(cut, octets.subarray(0, octets.length - 5))
    const { status, stdout, stderr } = decode(cut)
    expect(status).toBe(0)
    expect(stderr).toMatch(/ends in the middle of a record, at offset \d+: it was cut/)
    expect(stderr).toMatch(new RegExp(`${seeds.IP4.length - 1} packets`))
    expect(stdout.split('\n').length).toBeGreaterThan(50)
    const absurd = join(folder, 'absurd.pcap')
    octets.writeUInt32LE(0x7fffffff, 24 + 8)
    writeFileSync(absurd, octets)
    const going = decode('--check', absurd)
    expect(going.status).toBe(1)
    expect(going.stdout).toMatch(/^record: bad-length at offset 32 of the file\n/)
    expect(going.stderr).toMatch(new RegExp(`${seeds.IP4.length - 1} packets`))
    expect(json(decode('--json', absurd).stdout).at(-1)).toMatchObject({ kind: 'summary', badRecords: 1, cut: false })
  })

  test('standard input is a capture, or hex text, however it comes', () => {
    const path = file('stdin.pcap', LinkType.raw, seeds.IP4)
    const expected = decode(path).stdout
    const piped = spawnSync(process.execPath, [ICMP, 'decode', '-'], {
      input: readFileSync(path),
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    })
    expect(piped.stdout).toBe(expected)
    const typed = spawnSync(process.execPath, [ICMP, 'decode', '-'], {
      input: '80 00 00 00\n00:07:00:01\n',
      encoding: 'utf8',
    })
    expect(typed.stdout).toBe('ICMP6, echo request, id 7, seq 1, length 8\n')
  })

  test('SIGINT in the middle of a pipe prints the summary; a reader that leaves ends it in silence', async () => {
    const path = file('pipe.pcap', LinkType.raw, seeds.IP4)
    const child = spawn(process.execPath, [ICMP, 'decode', '-'], { stdio: ['pipe', 'pipe', 'pipe'] })
    let stderr = ''
    let lines = 0
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdin.write(readFileSync(path))
    await new Promise<void>((done) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        lines += text.split('\n').length - 1
        if (lines > 50) done()
      })
    })
    child.kill('SIGINT')
    const code = await new Promise((done) => child.on('close', done))
    expect(code).toBe(0)
    expect(stderr).toMatch(/\d+ packets, \d+ ICMP/)

    const many = file('many.pcap', LinkType.raw, Array.from({ length: 200 }, () => seeds.IP4).flat())
    const head = spawn(process.execPath, [ICMP, 'decode', many], { stdio: ['ignore', 'pipe', 'pipe'] })
    let complaint = ''
    head.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text
    })
    head.stdout.once('data', () => head.stdout.destroy())
    expect(await new Promise((done) => head.on('close', done))).toBe(0)
    expect(complaint).toBe('')
  })

  test('-v says in plain words what a message means, and takes its quote apart', () => {
    const { stdout } = decode('-v', hex(seeds.IP4[2]!))
    expect(stdout).toMatch(/ICMP +Destination Unreachable \(type 3\), Port Unreachable \(code 3\), RFC 792/)
    expect(stdout).toContain('no program listens on that UDP port')
    expect(stdout).toMatch(/quote +IPv4, 192\.0\.2\.1 > 198\.51\.100\.7/)
    expect(stdout).toMatch(/udp: src port 40000, dst port 33434/)
    expect(stdout).toMatch(/extensions +checksum ok\n +mpls/)
    expect(stdout).toMatch(/eth0/)
  })

  test('-v says what an outage notice tells: which program, why, until when, and whether it is signed', () => {
    const { stdout } = decode('-v', hex(madePacket('notice4')))
    expect(stdout).toMatch(
      /^ +notice +outage offline, program "shop", udp\/5000, reason "maintenance", at 1800000000, back at 1800003600, for 198\.51\.100\.7 port 40000, unsigned$/m,
    )
    expect(decode('-v', hex(madePacket('noticeEd25519'))).stdout).toMatch(/ notice .*, signed, algorithm 2$/m)
  })
})
