/** What only a door over AF_PACKET has to do: tags, cut frames, overruns, changes of the interface under it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { PortDoor } from '../../packages/icmpkit/src/os/port-door.ts'
import { type PortChange, type Watchable, watchPorts } from '../../packages/icmpkit/src/os/port-watch.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { hex, put16, u16, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { answerEcho, opened, PortMachine, running, until } from './port-machine.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const exec = promisify(execFile)

const ping = (h: Host, ...more: string[]) =>
  exec('ip', ['netns', 'exec', h.name, 'ping', '-n', '-w', '60', ...more]).then(
    (r) => r.stdout,
    (e: { stdout: string }) => e.stdout,
  )

/** A kernel with 192.0.2.1 that believes in 192.0.2.2 at the other end, where the door is. */
async function kernelAndDoor(mtu = 1500): Promise<{ a: Host; b: Host; door: PortDoor }> {
  const a = host('a')
  const b = host('b')
  cable(a, b, 'eth0', 'eth0', mtu)
  a.address('eth0', '192.0.2.1/24')
  const door = await opened({ kind: 'packet', interface: 'eth0', netns: b.name })
  a.netlink.addNeighbour({ index: a.netlink.index('eth0'), address: ip('192.0.2.2'), lladdr: door.port.mac })
  return { a, b, door }
}

/** A door at both ends of a cable. */
async function twoDoors(mtu = 1500) {
  const a = host('a')
  const b = host('b')
  cable(a, b, 'eth0', 'eth0', mtu)
  const left = await opened({ kind: 'packet', interface: 'eth0', netns: a.name })
  const right = await opened({ kind: 'packet', interface: 'eth0', netns: b.name })
  return { a, b, left, right }
}

/** scapy: IP(src='192.0.2.1', dst='192.0.2.2', id=1)/ICMP(id=1, seq=7). */
const ECHO = '4500001c000100004001f6dcc0000201c00002020800f7f700010007'
/** The same answered: addresses exchanged, type 0, the checksum 0x0800 more (RFC 1624). */
const REPLY = '4500001c000100004001f6dcc0000202c00002010000fff700010007'

test.each([
  ['one tag', '81006007'],
  ['a service tag', '88a80007'],
  ['a tag in a tag', '88a8000781000008'],
  ['a priority tag', '81006000'],
])('%s stands in the frame again, and answers in place carry it', async (_, tag) => {
  const { left, right } = await twoDoors()
  const [l, r] = [new PortMachine(), new PortMachine()]
  const single = tag.length === 8
  if (single) {
    r.answer = (a) => {
      // Behind any tag of four octets.
      if (hex(a.bytes, a.at + 12, a.at + 14) !== '8100') a.bytes.set([0x81, 0x00], a.at + 12)
      return answerEcho(a, true)
    }
  }
  running(r, [right])
  const sent = `${hex(right.port.mac)}${hex(left.port.mac)}${tag}0800${ECHO}`
  l.queue.push({ port: left.port.index, bytes: unhex(sent) })
  running(l, [left])
  await until(() => r.heard.length > 0)
  expect(hex(r.heard[0]!.bytes)).toBe(sent)
  expect(r.heard[0]!.length).toBe(sent.length / 2)
  if (!single) return
  await until(() => l.heard.length > 0)
  const back = `${hex(left.port.mac)}${hex(right.port.mac)}8100${tag.slice(4)}0800${REPLY}`
  expect(hex(l.heard[0]!.bytes)).toBe(back)
})

test('the largest frame of the link fits with its tag, one octet more comes back unsent with the MTU', async () => {
  const { left, right } = await twoDoors()
  const [l, r] = [new PortMachine(), new PortMachine()]
  running(r, [right])
  const frame = (octets: number, tag: string) => {
    const bytes = new Uint8Array(octets)
    bytes.set(unhex(`${hex(right.port.mac)}${hex(left.port.mac)}${tag}0800${ECHO}`))
    return bytes
  }
  const port = left.port.index
  l.queue.push({ port, bytes: frame(1514, ''), tag: 1 }, { port, bytes: frame(1518, '81000007'), tag: 2 })
  l.queue.push({ port, bytes: frame(1515, ''), tag: 3 }, { port, bytes: frame(60, ''), tag: 4 })
  running(l, [left])
  await until(() => r.heard.length === 3)
  expect(r.heard.map((h) => h.bytes.length)).toEqual([1514, 1518, 60])
  expect(l.sent.map((s) => s.tag)).toEqual([1, 2, 4])
  expect(l.unsent).toEqual([{ tag: 3, why: 'too-big', mtu: 1500 }])
})

test('what is for another station is not heard, nor what left by the same interface', async () => {
  const { left, right } = await twoDoors()
  const [l, r] = [new PortMachine(), new PortMachine()]
  running(r, [right])
  for (const to of ['020000000099', hex(right.port.mac), 'ffffffffffff', '01005e000001', '333300000001'])
    l.queue.push({ port: left.port.index, bytes: unhex(`${to}${hex(left.port.mac)}0800${ECHO}`) })
  running(l, [left])
  await until(() => r.heard.length === 4)
  expect(r.heard.map((h) => [hex(h.bytes, 0, 6), h.link])).toEqual([
    [hex(right.port.mac), 'host'],
    ['ffffffffffff', 'broadcast'],
    ['01005e000001', 'multicast'],
    ['333300000001', 'multicast'],
  ])
  expect(l.heard).toEqual([])
})

test('frames that no slot of the ring holds come whole, and are answered', async () => {
  const { a, b, door } = await kernelAndDoor()
  // The ring was made for 1500; only then the link is made wider.
  for (const h of [a, b]) h.netlink.setLink('eth0', { mtu: 9000 })
  const m = new PortMachine()
  m.answer = (p) => answerEcho(p, true)
  running(m, [door])
  expect(await ping(a, '-c', '50', '-i', '0.002', '-s', '8972', '-M', 'do', '192.0.2.2')).toContain('50 received')
  expect(m.heard.every((h) => h.length === h.bytes.length)).toBe(true)
  expect(m.heard.filter((h) => h.length === 9014)).toHaveLength(50)
})

/** `count` frames of `octets` leave by `door`, numbered at octet 14; nobody listens meanwhile. */
async function flood(door: PortDoor, to: PortDoor, count: number, octets: number): Promise<void> {
  const m = new PortMachine()
  const head = unhex(`${hex(to.port.mac)}${hex(door.port.mac)}0800`)
  for (let n = 0; n < count; n++) {
    const bytes = new Uint8Array(octets)
    bytes.set(head)
    put16(bytes, 14, n)
    m.queue.push({ port: door.port.index, bytes })
  }
  while (door.send(new RealClock().now(), m)) await new Promise((resolve) => setImmediate(resolve))
  expect(m.unsent).toEqual([])
}

test('what the queue had no room for is given cut, with the length that it had', async () => {
  const { a, b, left, right } = await twoDoors()
  for (const h of [a, b]) h.netlink.setLink('eth0', { mtu: 9000 })
  await flood(left, right, 2000, 9014)
  const m = new PortMachine()
  const now = new RealClock().now()
  while (right.receive(now, m, 1024) > 0);
  const cut = m.heard.filter((h) => h.bytes.length < h.length)
  expect(m.heard.every((h) => h.length === 9014)).toBe(true)
  expect(m.heard).toHaveLength(2000)
  expect(cut.length).toBeGreaterThan(100)
  expect(cut.length).toBeLessThan(1900)
  expect(cut.every((h) => h.bytes.length > 1500 && h.bytes.length < 2048)).toBe(true)
  // None was given the octets of another.
  expect(m.heard.map((h) => u16(h.bytes, 14))).toEqual(m.heard.map((_, i) => i))
})

test('frames that the ring had no room for are counted, and it goes on', async () => {
  const { left, right } = await twoDoors()
  await flood(left, right, 6000, 60)
  const m = new PortMachine()
  const now = new RealClock().now()
  const lost = right.loss.queueOverflow
  expect(lost).toBeGreaterThan(1000)
  while (right.receive(now, m, 1024) > 0);
  expect(m.heard.length + lost).toBe(6000)
  expect(right.loss.queueOverflow).toBe(lost)
  await flood(left, right, 1000, 60)
  while (right.receive(now, m, 1024) > 0);
  expect(m.heard.length + lost).toBe(7000)
})

test('carrier, MTU and MAC are told as they change, first how they are', async () => {
  const { a, b, door } = await kernelAndDoor()
  const changes = watching([door.port], b)
  const told = async (wanted: Partial<PortChange>) => {
    await until(() => changes.some((c) => Object.entries(wanted).every(([k, v]) => c[k as keyof PortChange] === v)))
    return changes.at(-1)!
  }
  await told({ up: true, mtu: 1500, gone: false, index: door.port.index })
  expect(changes).toHaveLength(1)
  a.netlink.setLink('eth0', { up: false })
  expect(await told({ up: false })).toMatchObject({ gone: false, mtu: 1500 })
  a.netlink.setLink('eth0', { up: true })
  await until(() => changes.at(-1)!.up)
  b.netlink.setLink('eth0', { mtu: 1400 })
  expect(await told({ mtu: 1400 })).toMatchObject({ up: true })
  const mac = unhex('0200000000aa')
  b.netlink.setLink('eth0', { address: mac })
  await until(() => hex(changes.at(-1)!.mac) === hex(mac))
  // What is told is a change, each time.
  const seen = changes.map((c) => JSON.stringify({ ...c, mac: hex(c.mac) }))
  expect(seen.filter((t, i) => t === seen[i - 1])).toEqual([])
})

test('the address of a TAP is the node’s own, whatever the kernel’s side has', async () => {
  const h = host('t')
  const door = await opened({ kind: 'tap', interface: 'tap0', netns: h.name, mtu: 1400, mac: unhex('02000000001d') })
  expect(door.port).toMatchObject({ kind: 'tap', name: 'tap0', mtu: 1400 })
  const changes = watching([door.port], h)
  await until(() => changes.length > 0)
  h.netlink.setLink('tap0', { address: unhex('0200000000aa') })
  h.netlink.setLink('tap0', { mtu: 1300 })
  await until(() => changes.at(-1)!.mtu === 1300)
  expect(new Set(changes.map((c) => hex(c.mac)))).toEqual(new Set(['02000000001d']))
})

test('a port that waits for its interface is told when it is there', async () => {
  const h = host('w')
  const waiting: Watchable = { kind: 'packet', index: 0, name: 'late0', mac: new Uint8Array(6) }
  const changes = watching([waiting], h)
  await until(() => changes.length > 0)
  expect(changes[0]).toMatchObject({ gone: true, index: 0, up: false })
  cable(h, host('v'), 'late0', 'eth0')
  await until(() => changes.at(-1)!.index !== 0)
  expect(changes.at(-1)).toMatchObject({ gone: true, index: h.netlink.index('late0') })
})

function watching(ports: readonly Watchable[], h: Host): PortChange[] {
  const changes: PortChange[] = []
  const stop = new AbortController()
  const end = (async () => {
    for await (const c of watchPorts(ports, { netns: h.name, signal: stop.signal })) changes.push(c)
  })()
  onTestFinished(async () => {
    stop.abort()
    await end
  })
  return changes
}
