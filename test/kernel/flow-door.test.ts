/** What the door of the flows lets up, and what its filter in the kernel does not. */
import { readFileSync } from 'node:fs'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Arrival } from '../../packages/icmpkit/src/door.ts'
import { type FlowDoor, type FlowPort, flowFilter, openFlowDoor } from '../../packages/icmpkit/src/os/flow-door.ts'
import { monotonic } from '../../packages/icmpkit/src/os/kernel-time.ts'
import { waker } from '../../packages/icmpkit/src/os/waker.ts'
import { startProgram } from './icmp-command.ts'
import { type Host, needsRoot, pair } from './testnet.ts'

beforeEach(needsRoot)

const python = (h: Host, script: string, ...args: string[]) =>
  startProgram(h, '/usr/bin/python3', ['-c', script, ...args])

/** Answers each datagram on the ports given. */
const ECHO = `
import socket, select, sys
socks = []
for p in sys.argv[1:]:
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(('::', int(p)))
    socks.append(s)
print('up', flush=True)
while True:
    for s in select.select(socks, [], [])[0]:
        data, peer = s.recvfrom(65536)
        s.sendto(data, peer)`

/** Asks each address and port, and waits for its answer. */
const ASK = `
import socket, sys
for a, p in zip(sys.argv[1::2], sys.argv[2::2]):
    s = socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((a, int(p)))
    s.send(b'x' * 400)
    s.recv(1000)`

interface Seen {
  what: string
  link: Arrival['link']
  kept: number
  length: number
  clock: string
}

function openOn(
  h: Host,
  ports: readonly FlowPort[],
): { door: FlowDoor; take: (enough: () => boolean) => Promise<Seen[]>; seen: Seen[]; handed: () => number } {
  const door = openFlowDoor({ ports, netns: h.namespace })
  onTestFinished(() => door[Symbol.asyncDispose]())
  const seen: Seen[] = []
  let handed = 0
  const handlePacket = (now: number, a: Arrival): boolean => {
    handed++
    const four = a.bytes[a.at]! >>> 4 === 4
    // Listener reports of the kernel's own, behind a hop-by-hop header: IPv6 behind extension headers passes.
    if (!four && a.bytes[a.at + 6] === 0) return false
    const transport = a.at + (four ? (a.bytes[a.at]! & 15) * 4 : 40)
    const port = (at: number) => (a.bytes[at]! << 8) | a.bytes[at + 1]!
    const ours = [7001, 7002, 7003].find((p) => p === port(transport) || p === port(transport + 2))
    const direction = ours === port(transport + 2) ? 'to' : 'from'
    seen.push({
      what: `${four ? 4 : 6} ${direction} ${ours}`,
      link: a.link,
      kept: a.end - a.at,
      length: a.length,
      clock: a.clock,
    })
    expect(a.stamp).toBeLessThanOrEqual(now)
    return false
  }
  const take = async (enough: () => boolean) => {
    while (!enough()) {
      while (door.receive(monotonic(), { handlePacket }, 100) > 0);
      if (!enough()) await waker().wait([door], false, Number.POSITIVE_INFINITY).done
    }
    return seen
  }
  return { door, take, seen, handed: () => handed }
}

test('both ways of a watched UDP port pass, of either family, cut behind the headers; other ports do not', async () => {
  const { a, b } = pair()
  const server = python(a, ECHO, '7001', '7002', '7003')
  await server.until(/up/)
  const { take, seen, door } = openOn(a, [
    { protocol: 'udp', port: 7001 },
    { protocol: 'udp', port: 7003 },
  ])
  await python(
    b,
    ASK,
    '192.0.2.1',
    '7002',
    '2001:db8::1',
    '7002',
    '192.0.2.1',
    '7001',
    '2001:db8::1',
    '7001',
    '192.0.2.1',
    '7003',
  ).ended
  await take(() => seen.length >= 6)
  expect(seen.map((s) => s.what)).toEqual([
    '4 to 7001',
    '4 from 7001',
    '6 to 7001',
    '6 from 7001',
    '4 to 7003',
    '4 from 7003',
  ])
  expect(seen.map((s) => s.length)).toEqual([428, 428, 448, 448, 428, 428])
  for (const s of seen) {
    expect(s.kept).toBeGreaterThanOrEqual(128)
    expect(s.kept).toBeLessThan(160)
    expect({ link: s.link, clock: s.clock }).toEqual({ link: 'host', clock: 'kernel-rx' })
  }
  expect(door.loss.queueOverflow).toBe(0)
})

test('a loopback packet is seen once', async () => {
  const { a } = pair()
  const server = python(a, ECHO, '7001')
  await server.until(/up/)
  const { take, seen } = openOn(a, [{ protocol: 'udp', port: 7001 }])
  await python(a, ASK, '127.0.0.1', '7001', '::1', '7001').ended
  await take(() => seen.length >= 4)
  expect(seen.map((s) => s.what)).toEqual(['4 to 7001', '4 from 7001', '6 to 7001', '6 from 7001'])
})

test('other ports are watched from one packet to the next, while the door is open', async () => {
  const { a, b } = pair()
  const server = python(a, ECHO, '7001', '7002')
  await server.until(/up/)
  const { door, take, seen } = openOn(a, [{ protocol: 'udp', port: 7001 }])
  await python(b, ASK, '192.0.2.1', '7001', '192.0.2.1', '7002').ended
  door.watch([{ protocol: 'udp', port: 7002 }])
  await python(b, ASK, '192.0.2.1', '7001', '192.0.2.1', '7002').ended
  await take(() => seen.length >= 4)
  expect(seen.map((s) => s.what)).toEqual(['4 to 7001', '4 from 7001', '4 to 7002', '4 from 7002'])
})

test('of TCP what opens a connection passes, or all that arrives, and nothing that leaves', async () => {
  const { a, b } = pair()
  const server = python(a, LISTEN, '7001', '7002', '7003')
  await server.until(/up/)
  const { take, seen } = openOn(a, [
    { protocol: 'tcp', port: 7001, what: 'opening' },
    { protocol: 'tcp', port: 7002, what: 'arriving' },
  ])
  await python(b, CONNECT, '192.0.2.1', '7003', '192.0.2.1', '7001', '2001:db8::1', '7001', '192.0.2.1', '7002').ended
  await take(() => seen.filter((s) => s.what === '4 to 7002').length >= 4)
  expect(seen.slice(0, 2).map((s) => s.what)).toEqual(['4 to 7001', '6 to 7001'])
  expect(new Set(seen.slice(2).map((s) => s.what))).toEqual(new Set(['4 to 7002']))
})

const LISTEN = ECHO.replace('SOCK_DGRAM)', 'SOCK_STREAM)')
  .replace('socks.append(s)', 's.listen(); socks.append(s)')
  .replace(/ {8}data[\s\S]*/, '        c = s.accept()[0]; c.recv(1000); c.send(b"x"); c.recv(1); c.close()')
const CONNECT = ASK.replaceAll('SOCK_DGRAM', 'SOCK_STREAM').replace('s.recv(1000)', 's.recv(1000); s.close()')

test('later fragments stay out, a first fragment and a packet behind extension headers come', async () => {
  const { a, b } = pair()
  const { take, seen } = openOn(a, [{ protocol: 'udp', port: 7001 }])
  const { code, err } = await python(b, SCAPY).ended
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' })
  await take(() => seen.length >= 4)
  expect(seen.map((s) => s.what.slice(0, 1))).toEqual(['4', '6', '6', '4'])
  expect(seen.at(-1)!.what).toBe('4 to 7001')
})

const SCAPY = `
from scapy.all import *
conf.verb = 0
four = IP(src='192.0.2.2', dst='192.0.2.1') / UDP(sport=9, dport=7001) / (b'x' * 2000)
six = IPv6(src='2001:db8::2', dst='2001:db8::1')
udp = UDP(sport=9, dport=7001) / (b'x' * 2000)
mac = Ether(dst='ff:ff:ff:ff:ff:ff')
parts = fragment(four, 1200) + fragment6(six / IPv6ExtHdrFragment() / udp, 1280)
parts += [six / IPv6ExtHdrDestOpt() / UDP(sport=9, dport=7001), six / UDP(sport=9, dport=7009)]
parts += [IP(src='192.0.2.2', dst='192.0.2.1', options=[IPOption_NOP()] * 4) / UDP(sport=9, dport=7001)]
for p in parts:
    sendp(mac / p, iface='eth0')`

test('what the ring has no room for is counted', async () => {
  const { a, b } = pair()
  const { take, seen, door, handed } = openOn(a, [{ protocol: 'udp', port: 7001 }])
  await python(
    b,
    `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('192.0.2.2', 7003))
for i in range(80000):
    s.sendto(b'x' * 100, ('192.0.2.1', 7001))`,
  ).ended
  // The kernel's own errors about the closed port are none of these. A cable whose other end is too busy drops some.
  const onTheWay = () => {
    const [, counts] = /eth0:(.*)/.exec(b.inside(() => readFileSync('/proc/thread-self/net/dev', 'utf8')))!
    return Number(counts!.trim().split(/ +/)[11])
  }
  // All that passed the filter, and a few listener reports of the kernel's own: one of them may come at any time.
  await take(
    () =>
      seen.length > 1000 &&
      seen.length + door.loss.queueOverflow + onTheWay() >= 80_000 &&
      handed() + door.loss.queueOverflow === door.seen,
  )
  expect(door.loss.queueOverflow).toBeGreaterThan(0)
})

test('more ports than a filter holds are refused, 900 are not', () => {
  const ports = (n: number): FlowPort[] => Array.from({ length: n }, (_, i) => ({ protocol: 'udp', port: 1 + i }))
  expect(() => flowFilter(ports(1100))).toThrow(RangeError)
  expect(flowFilter(ports(900)).length).toBeLessThanOrEqual(4096)
})
