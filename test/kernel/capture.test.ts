import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, expect, onTestFinished, type TestContext, test } from 'vitest'
import { ping } from '../../packages/icmpkit/src/index.ts'
import {
  type CaptureOptions,
  type CaptureSocket,
  type LiveFrame,
  openCapture,
} from '../../packages/icmpkit/src/os/capture-socket.ts'
import { openTun } from '../../packages/icmpkit/src/os/tun.ts'
import { frameTime, records } from '../../packages/icmpkit/src/wire/capture.ts'
import { ipOffset, LinkType, networkLayer } from '../../packages/icmpkit/src/wire/link-layer.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { until } from './port-machine.ts'
import { type Host, host, needsRoot, pair } from './testnet.ts'

beforeEach(needsRoot)

interface Kept {
  octets: string
  length: number
  time: string | null
  outgoing: boolean
  index: number
  linkType: number
}

const keep = (f: LiveFrame): Kept => ({
  octets: hex(f.bytes, f.at, f.end),
  length: f.length,
  time: frameTime(f),
  outgoing: f.outgoing,
  index: f.index,
  linkType: f.linkType,
})

function capture(h: Host, name: string, options: CaptureOptions = {}): { socket: CaptureSocket; kept: Kept[] } {
  const socket = openCapture(name, { ...options, netns: h.namespace })
  onTestFinished(() => socket.close())
  const kept: Kept[] = []
  void socket.each((f) => kept.push(keep(f)))
  return { socket, kept }
}

/** Until `enough`, and then longer than a block takes to be handed over: what is too much would be there too. */
async function settle(enough: () => boolean = () => true) {
  while (!enough()) await delay(10)
  await delay(40)
}

/** Counted echoes from inside `a`, each answered before the next one leaves. */
async function pings(a: Host, target: string, count: number, enough?: () => boolean) {
  for (let i = 0; i < count; i++) await ping(target, { count: 1, timeout: 60_000, netns: a.name }).done
  await settle(enough)
}

const echoesOf = (kept: Kept[]) => kept.filter((k) => /^.{24}0800.{18}01/.test(k.octets))

test('it sees what tcpdump sees: the same octets, the same nanoseconds', async (ctx) => {
  const { a } = pair()
  const dir = mkdtempSync(join(tmpdir(), 'ik-capture-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'reference.pcap')
  const args = [
    '-i',
    'eth0',
    '-n',
    '-U',
    '-w',
    file,
    '--immediate-mode',
    '--time-stamp-precision=nano',
    'icmp or icmp6',
  ]
  const tcpdump = a.inside(() => spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] }))
  const failed = await Promise.race([once(tcpdump, 'error'), once(tcpdump.stderr, 'data').then(() => undefined)])
  if (failed) ctx.skip('skipped, because tcpdump is not installed (apt-get install tcpdump)')
  onTestFinished(() => void tcpdump.kill())
  const { kept } = capture(a, 'eth0', { icmpOnly: true })
  await pings(a, '192.0.2.2', 20)
  await pings(a, '2001:db8::2', 20)
  // One frame object, filled again for each: read while it is there. A file that is being written may end anywhere.
  const written = () =>
    Array.from(records(readFileSync(file)), (f) =>
      'kind' in f ? { octets: f.why, time: null } : { octets: hex(f.bytes, f.at, f.end), time: frameTime(f) },
    )
  await settle(() => written().filter(echo).length >= 80 && kept.filter(echo).length >= 80)
  const ended = once(tcpdump, 'exit')
  tcpdump.kill('SIGINT')
  await ended
  const reference = written()
  const ours = kept.filter(echo)
  const theirs = reference.filter(echo)
  expect(theirs).toHaveLength(80)
  expect(ours.map((o) => o.octets).toSorted()).toEqual(theirs.map((t) => t.octets).toSorted())
  // An arriving packet is stamped once for all taps; a leaving one for each tap, one right after the other.
  const apart = (o: Kept) =>
    Math.abs(nanoseconds(o.time) - nanoseconds(theirs.find((t) => t.octets === o.octets)!.time))
  for (const o of ours.filter((o) => !o.outgoing)) expect(apart(o)).toBe(0)
  const leaving = ours.filter((o) => o.outgoing).map(apart)
  expect(leaving).toHaveLength(40)
  // Whoever interrupts the kernel between the two taps does so for a few packets.
  expect(leaving.toSorted((a, b) => a - b)[20]).toBeLessThan(1e6)
})

// tcpdump's filter and ours judge other ICMP apart (listener reports behind a hop-by-hop header).
const echo = ({ octets }: { octets: string }) => /^.{24}(0800.{18}01.{20}0[08]|86dd.{12}3a.{66}8[01])/.test(octets)

/** Within the hour: exact in a number. */
function nanoseconds(time: string | null): number {
  const [seconds, fraction] = time!.split('.')
  return (Number(seconds) % 3600) * 1e9 + Number(fraction)
}

test('packets come in order, numbered from 1, and say which way they went', async () => {
  const { a } = pair()
  const { kept, socket } = capture(a, 'eth0', { icmpOnly: true })
  await pings(a, '192.0.2.2', 3, () => echoesOf(kept).length >= 6)
  // The kernel's own reports may be counted and not yet handed over.
  await until(() => socket.counts.seen === kept.length)
  const echoes = echoesOf(kept)
  expect(echoes.map((k) => [k.outgoing, k.octets.slice(68, 70)])).toEqual([
    [true, '08'],
    [false, '00'],
    [true, '08'],
    [false, '00'],
    [true, '08'],
    [false, '00'],
  ])
  expect(kept.map((k) => k.index)).toEqual(kept.map((_, i) => i + 1))
  expect(socket.linkType).toBe(LinkType.ethernet)
  expect(socket.counts).toMatchObject({ seen: kept.length, dropped: 0 })
})

test('a loopback packet is seen once, though it passes twice', async () => {
  const a = host('a')
  const { kept } = capture(a, 'lo', { icmpOnly: true })
  await pings(a, '127.0.0.1', 5, () => kept.length >= 10)
  expect(kept).toHaveLength(10)
})

test('the snap length cuts what is kept, and the length on the wire is told', async () => {
  const { a } = pair()
  const { kept } = capture(a, 'eth0', { icmpOnly: true, snapLength: 60 })
  await pings(a, '192.0.2.2', 2, () => echoesOf(kept).length >= 4)
  const echoes = echoesOf(kept)
  expect(echoes.map((k) => [k.octets.length / 2, k.length])).toEqual(Array(4).fill([60, 98]))
})

/** Sends frames that scapy makes, out of `eth0` of `h`; returns them. */
function scapy(ctx: TestContext, h: Host, frames: string): string[] {
  if (spawnSync('/usr/bin/python3', ['-c', 'import scapy']).status !== 0) {
    ctx.skip('skipped, because scapy is not installed (apt-get install python3-scapy)')
  }
  const script = `
from scapy.all import *
e = Ether(dst='02:00:00:00:00:02', src='02:00:00:00:00:01')
p4 = IP(src='192.0.2.1', dst='192.0.2.9')
p6 = IPv6(src='2001:db8::1', dst='2001:db8::9')
for p in [${frames}]:
  print(bytes(p).hex())
  sendp(p, iface='eth0', verbose=0)`
  return h.inside(() => execFileSync('/usr/bin/python3', ['-c', script], { encoding: 'utf8' }).trim().split('\n'))
}

/** What came in and was one of these. */
const among = (kept: Kept[], frames: string[]) => kept.filter((k) => frames.includes(k.octets)).map((k) => k.octets)

test('the ICMP filter drops UDP, TCP and LLDP in the kernel, and keeps ICMPv6 behind an extension header', async (ctx) => {
  const { a, b } = pair()
  const all = capture(b, 'eth0')
  const filtered = capture(b, 'eth0', { icmpOnly: true })
  const frames = scapy(
    ctx,
    a,
    `e/p4/UDP(), e/p4/TCP(), Ether(dst='02:00:00:00:00:02', type=0x88cc)/Raw(b'lldp'), e/p6/UDP(), e/p6/TCP(),
     e/p4/ICMP(type=3, code=1), e/p6/IPv6ExtHdrDestOpt()/ICMPv6EchoRequest(), e/p6/ICMPv6DestUnreach(),
     e/Dot1Q(vlan=7)/p4/ICMP(), e/Dot1AD(vlan=5)/Dot1Q(vlan=7)/p4/ICMP()`,
  )
  await settle(() => among(all.kept, frames).length >= 10 && among(filtered.kept, frames).length >= 5)
  // In whatever order: two processors may have carried them.
  expect(among(all.kept, frames).toSorted()).toEqual(frames.toSorted())
  expect(among(filtered.kept, frames).toSorted()).toEqual(frames.slice(5).toSorted())
})

test('VLAN tags that the kernel took out are put back, in an Ethernet frame and behind a cooked header', async (ctx) => {
  const { a, b } = pair()
  const ethernet = capture(b, 'eth0')
  const cooked = capture(b, 'any')
  const frames = scapy(
    ctx,
    a,
    `e/Dot1Q(vlan=7, prio=5)/p4/ICMP(), e/Dot1AD(vlan=5)/Dot1Q(vlan=7)/p6/ICMPv6EchoRequest()`,
  )
  const tags = () =>
    cooked.kept
      .map((k) => networkLayer(LinkType.linuxSll2, unhex(k.octets), 0, k.octets.length / 2))
      .flatMap((n) => ('tags' in n && n.tags.length > 0 ? [n.tags] : []))
      .toSorted((a, b) => a.length - b.length)
  await settle(() => among(ethernet.kept, frames).length >= 2 && tags().length >= 2)
  expect(among(ethernet.kept, frames).toSorted()).toEqual(frames.toSorted())
  const one = ethernet.kept.find((k) => k.octets === frames[0])
  expect(one?.length).toBe(frames[0]!.length / 2)
  expect(tags()).toMatchObject([
    [{ tagType: 0x8100, vlan: 7, priority: 5 }],
    [
      { tagType: 0x88a8, vlan: 5 },
      { tagType: 0x8100, vlan: 7 },
    ],
  ])
})

test('any interface comes with a Linux cooked header as tcpdump writes it', async () => {
  const { a } = pair()
  const { kept, socket } = capture(a, 'any', { icmpOnly: true })
  const index = a.netlink.index('eth0').toString(16).padStart(8, '0')
  const fromIt = (k: Kept) => k.outgoing && k.octets.startsWith('0800') && k.octets.slice(8, 16) === index
  await pings(a, '192.0.2.2', 1, () => kept.some(fromIt))
  await pings(a, '127.0.0.1', 1, () => kept.length >= 4)
  expect(socket.linkType).toBe(LinkType.linuxSll2)
  const request = kept.find(fromIt)!
  // Protocol, zero, interface, ARPHRD_ETHER, outgoing, six octets of our MAC.
  expect(request.octets.slice(0, 40)).toMatch(/^08000000.{8}0001040602000000..010000$/)
  expect(kept.every((k) => ipOffset(LinkType.linuxSll2, unhex(k.octets), 0, k.length) === 20)).toBe(true)
})

test('a TUN has no frame: packets begin with their IP header', async () => {
  const a = host('a')
  using tun = a.inside(() => openTun({ name: 't0' }))
  a.netlink.setLink('t0', { addrGenMode: 'none', up: true })
  a.address('t0', '192.0.2.1/24')
  const { kept, socket } = capture(a, 't0', { icmpOnly: true })
  expect(socket.linkType).toBe(LinkType.raw)
  // From RFC 1071-summed scapy: an echo request 192.0.2.2 > 192.0.2.1.
  tun.write(unhex('4500001c000100004001f6dcc0000202c00002010800f7ff00000000'))
  await settle(() => kept.length >= 2)
  expect(kept.map((k) => [k.outgoing, k.octets.slice(0, 2), k.octets.slice(40, 42)])).toEqual([
    [false, '45', '08'],
    [true, '45', '00'],
  ])
})

test('what a reader was too slow for is counted as dropped', async () => {
  const { a } = pair()
  const socket = openCapture('eth0', { netns: a.namespace })
  onTestFinished(() => socket.close())
  const before = socket.counts.seen
  // 8 MiB of ring, not read: 1400 octets by 20,000 are more than three times that.
  await ping('192.0.2.2', {
    count: 10_000,
    interval: 0,
    rate: 40_000,
    preload: 64,
    size: 1400,
    timeout: 60_000,
    netns: a.name,
  }).done
  expect(socket.counts.seen - before).toBeGreaterThanOrEqual(10_000)
  expect(socket.counts.dropped).toBeGreaterThan(0)
  let read = 0
  // A block that is not full yet is handed over a moment later.
  await until(() => {
    for (let got = socket.read(() => {}); got > 0; got = socket.read(() => {})) read += got
    return read >= socket.counts.seen - socket.counts.dropped
  })
  expect(read).toBe(socket.counts.seen - socket.counts.dropped)
})

test('a visitor that throws loses its packet and no other', async () => {
  const { a } = pair()
  const socket = openCapture('eth0', { netns: a.namespace, icmpOnly: true })
  onTestFinished(() => socket.close())
  // All in one go: nobody reads meanwhile, and each 10 ms in which something comes cost a block of the ring.
  const burst = { count: 50, interval: 0, preload: 50, timeout: 60_000, netns: a.name }
  expect(await ping('192.0.2.2', burst).done).toMatchObject({ received: 50 })
  let seen = 0
  let thrown = 0
  // What found no room, on a machine that stood still meanwhile, is counted apart.
  const told = () => socket.counts.seen - socket.counts.dropped
  for (;;) {
    try {
      if (
        socket.read(() => {
          if (++seen % 3 === 0) throw new Error('mine')
        }) > 0
      )
        continue
      // A packet of the kernel's own may be counted and not yet readable: its block comes within 10 ms.
      if (seen >= told()) break
      await new Promise((resolve) => setTimeout(resolve, 1))
    } catch {
      thrown++
    }
  }
  expect(thrown).toBe(Math.floor(seen / 3))
  expect(seen).toBe(told())
  expect(seen).toBeGreaterThanOrEqual(100)
})

test('a capture outlives an interface that goes down and up, and ends with a reason when it is gone', async () => {
  const { a, b } = pair()
  const socket = openCapture('eth0', { netns: a.namespace })
  onTestFinished(() => socket.close())
  let seen = 0
  const ended = socket.each(() => seen++)
  ended.catch(() => {})
  await delay(20)
  a.netlink.setLink('eth0', { up: false })
  await delay(50)
  a.netlink.setLink('eth0', { up: true })
  seen = 0
  // Until the carrier is there what is sent is dropped.
  while (seen === 0) await ping('192.0.2.1', { count: 1, timeout: 50, netns: b.name }).done
  a.netlink.removeLink('eth0')
  await expect(ended).rejects.toThrow(/ENODEV.*The interface eth0 is gone/)
})

test('an interface that is down, or absent, is refused', () => {
  const { a } = pair()
  a.netlink.setLink('eth0', { up: false })
  expect(() => openCapture('eth0', { netns: a.namespace })).toThrow(/ENETDOWN.*down/)
  expect(() => openCapture('none', { netns: a.namespace })).toThrow(/There is no interface none/)
})

test('it ends by its signal while it waits', async () => {
  const { a } = pair()
  const stop = new AbortController()
  const socket = openCapture('eth0', { netns: a.namespace })
  const ended = socket.each(() => {}, stop.signal)
  await delay(20)
  stop.abort()
  await ended
  await openCapture('eth0', { netns: a.namespace }).each(() => {}, AbortSignal.abort())
})
