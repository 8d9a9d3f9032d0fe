/** What every door of a port promises, over each kind: the real kernel is what is at the other end. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'
import { OsError } from '../../packages/icmpkit/src/os/os-error.ts'
import type { PortDoor, PortSpec } from '../../packages/icmpkit/src/os/port-door.ts'
import { type PortChange, watchPorts } from '../../packages/icmpkit/src/os/port-watch.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { hex, put16, u16, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { answerEcho, type Heard, PortMachine, running, until } from './port-machine.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const exec = promisify(execFile)

/** scapy: IP(src='192.0.2.2', dst='192.0.2.1', id=1)/ICMP(id=1, seq=7). */
const ECHO = unhex('4500001c000100004001f6dcc0000202c00002010800f7f700010007')

interface Rig {
  /** Whose kernel has 192.0.2.1/24 on `link`; the machine is 192.0.2.2. */
  kernel: Host
  link: string
  door: PortDoor
  spec: PortSpec
  ethernet: boolean
  /** Removes the interface that the door is at. */
  remove: () => void
  /** Makes it again. */
  again: () => void
  setDown: (down: boolean) => void
  /** An IP packet as it leaves by the door. */
  frame: (packet: Uint8Array) => Uint8Array
}

async function rig(kind: PortSpec['kind']): Promise<Rig> {
  const kernel = host('k')
  let link = 'eth0'
  let spec: PortSpec
  let make = () => {}
  let where = kernel
  if (kind === 'packet') {
    where = host('d')
    make = () => cable(kernel, where, 'eth0', 'port0')
    make()
    spec = { kind, interface: 'port0', netns: where.name }
  } else {
    link = 'port0'
    spec = { kind, interface: 'port0', netns: kernel.name }
  }
  const door = await openPort(spec)
  onTestFinished(() => door[Symbol.asyncDispose]())
  const settle = () => {
    kernel.netlink.setLink(link, { addrGenMode: 'none', up: true })
    kernel.address(link, '192.0.2.1/24')
    if (door.medium === 'ethernet') {
      const index = kernel.netlink.index(link)
      kernel.netlink.addNeighbour({ index, address: ip('192.0.2.2'), lladdr: door.port.mac })
    }
  }
  settle()
  const ethernet = door.medium === 'ethernet'
  const theirs = kernel.netlink.link(link)!.address
  return {
    kernel,
    link,
    door,
    spec,
    ethernet,
    remove: () => where.netlink.removeLink('port0'),
    again: () => {
      make()
      if (kind === 'packet') settle()
    },
    setDown: (down) => where.netlink.setLink('port0', { up: !down }),
    frame: (packet) => (ethernet ? Uint8Array.of(...theirs, ...door.port.mac, 8, 0, ...packet) : packet),
  }
}

/** Octets from the IP header on. */
const packetOf = (h: Heard, ethernet: boolean) => h.bytes.subarray(ethernet ? 14 : 0)

/** Where all is answered `-w` makes it wait: else it ends some milliseconds after the last question. */
function ping(h: Host, ...more: string[]) {
  return exec('ip', ['netns', 'exec', h.name, 'ping', '-n', ...(more.includes('-w') ? [] : ['-W', '1']), ...more]).then(
    (r) => r.stdout,
    (e: { stdout: string }) => e.stdout,
  )
}

/** ECHO with another sequence number, its checksum patched (RFC 1624). */
function echo(seq: number): Uint8Array {
  const packet = ECHO.slice()
  put16(packet, 26, seq)
  put16(packet, 22, (0xf7f7 + 7 - seq + 0xffff) % 0xffff)
  return packet
}

describe.each(['tun', 'tap', 'packet'] as const)('%s', (kind) => {
  const echoes = (m: PortMachine, ethernet: boolean) =>
    m.heard.filter((h) => u16(h.bytes, 12) === 0x0800 || !ethernet).filter((h) => packetOf(h, ethernet)[9] === 1)

  test('a packet arrives from its link header on, whole, with its port, link and stamp', async () => {
    const { kernel, door, ethernet } = await rig(kind)
    const m = new PortMachine()
    running(m, [door])
    const before = new RealClock().now()
    await ping(kernel, '-c', '1', '-s', '100', '192.0.2.2')
    const [heard] = echoes(m, ethernet)
    const packet = packetOf(heard!, ethernet)
    expect(hex(packet, 12, 20)).toBe('c0000201c0000202')
    expect(packet.length).toBe(128)
    expect(heard).toMatchObject({ length: heard!.bytes.length, origin: 'wire', link: 'host', port: door.port.index })
    if (ethernet) expect(hex(heard!.bytes, 0, 6)).toBe(hex(door.port.mac))
    expect(heard!.stamp).toBeGreaterThanOrEqual(before)
    expect(heard!.stamp).toBeLessThanOrEqual(new RealClock().now())
    expect(heard!.clock).toBe(kind === 'packet' ? 'kernel-rx' : 'user')
    expect(heard!.checksum).not.toBe('partial')
  })

  test('what the machine sends the kernel receives; the slot says the port, and each tag comes back once', async () => {
    const { door, ethernet, frame } = await rig(kind)
    const m = new PortMachine()
    for (let seq = 1; seq <= 200; seq++) m.queue.push({ port: door.port.index, bytes: frame(echo(seq)), tag: seq })
    running(m, [door])
    await until(() => echoes(m, ethernet).length >= 200)
    expect([...m.asked]).toEqual([door.port.index])
    expect(echoes(m, ethernet).map((h) => u16(packetOf(h, ethernet), 26))).toEqual(
      Array.from({ length: 200 }, (_, i) => i + 1),
    )
    expect(m.sent.map((s) => s.tag)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    expect(m.sent.every((s) => s.clock === 'user')).toBe(true)
    expect(m.unsent).toEqual([])
    for (const [i, h] of echoes(m, ethernet).entries()) expect(h.stamp).toBeGreaterThan(m.sent[i]!.stamp)
    expect(door.loss).toEqual({ queueOverflow: 0, stampGaps: 0, shortWrites: 0 })
  })

  test('what the machine rewrites in place goes back, the shortest as the longest that fits the link', async () => {
    const { kernel, door, ethernet } = await rig(kind)
    const m = new PortMachine()
    m.answer = (a) => answerEcho(a, ethernet)
    running(m, [door])
    expect(await ping(kernel, '-w', '60', '-c', '200', '-i', '0.002', '-s', '0', '192.0.2.2')).toContain('200 received')
    expect(await ping(kernel, '-w', '60', '-c', '20', '-i', '0.002', '-s', '1472', '-M', 'do', '192.0.2.2')).toContain(
      '20 received',
    )
    expect(m.unsent).toEqual([])
  })

  test('receive gives no more than it is asked for, and the rest at the next call', async () => {
    const { kernel, door } = await rig(kind)
    const m = new PortMachine()
    await ping(kernel, '-c', '10', '-i', '0.002', '192.0.2.2')
    const counts = Array.from({ length: 8 }, () => door.receive(new RealClock().now(), m, 3))
    expect(Math.max(...counts)).toBe(3)
    expect(counts.slice(0, 3)).toEqual([3, 3, 3])
    expect(echoes(m, door.medium === 'ethernet')).toHaveLength(10)
  })

  test('broadcast and multicast are told by the link, where it knows them', async () => {
    const { kernel, link, door, ethernet } = await rig(kind)
    const m = new PortMachine()
    running(m, [door])
    await ping(kernel, '-c', '1', '-b', '192.0.2.255')
    await ping(kernel, '-c', '1', '-I', link, '224.0.0.1')
    await ping(kernel, '-c', '1', '192.0.2.2')
    const links = echoes(m, ethernet).map((h) => [hex(packetOf(h, ethernet), 16, 20), h.link])
    const told = (link: string) => (ethernet ? link : 'host')
    expect(links).toEqual([
      ['c00002ff', told('broadcast')],
      ['e0000001', told('multicast')],
      ['c0000202', 'host'],
    ])
  })

  test('while the interface is down what leaves is told, and up again all goes on', async () => {
    const { kernel, door, ethernet, frame, setDown } = await rig(kind)
    const m = new PortMachine()
    m.answer = (a) => answerEcho(a, ethernet)
    const wake = running(m, [door])
    expect(await ping(kernel, '-w', '60', '-c', '1', '192.0.2.2')).toContain('1 received')
    setDown(true)
    m.queue.push({ port: door.port.index, bytes: frame(ECHO), tag: 9 })
    wake()
    await until(() => m.unsent.length > 0)
    expect(m.unsent).toEqual([{ tag: 9, why: 'link-down', mtu: 0 }])
    setDown(false)
    if (ethernet && kind === 'tap') {
      const index = kernel.netlink.index('port0')
      kernel.netlink.addNeighbour({ index, address: ip('192.0.2.2'), lladdr: door.port.mac })
    }
    await until(() => kernel.netlink.link(kind === 'packet' ? 'eth0' : 'port0')!.running)
    const { stdout } = await exec('ip', [
      ...['netns', 'exec', kernel.name, 'ping', '-n', '-c', '20', '-i', '0.1', '-W', '1', '192.0.2.2'],
    ])
    expect(stdout).toMatch(/ bytes from 192\.0\.2\.2/)
    m.queue.push({ port: door.port.index, bytes: frame(ECHO), tag: 10 })
    wake()
    await until(() => m.sent.length > 0 || m.unsent.length > 1)
    expect(m.sent.map((s) => s.tag)).toEqual([10])
  })

  test('an interface that is removed ends the run with ENODEV, and made again it is opened again', async () => {
    const { kernel, door, spec, ethernet, remove, again } = await rig(kind)
    const m = new PortMachine()
    let failure: unknown
    const wake = running(m, [door], (e) => {
      failure = e
    })
    const netns = spec.netns!
    const changes: PortChange[] = []
    const stop = new AbortController()
    onTestFinished(() => stop.abort())
    const watching = (async () => {
      for await (const c of watchPorts([door.port], { netns, signal: stop.signal })) {
        changes.push(c)
        wake()
      }
    })()
    await until(() => changes.length > 0)
    remove()
    await until(() => failure !== undefined)
    expect(failure).toBeInstanceOf(OsError)
    expect((failure as OsError).code).toBe('ENODEV')
    await until(() => changes.at(-1)!.gone)
    expect(changes.at(-1)).toMatchObject({ gone: true, up: false, index: 0 })
    await door[Symbol.asyncDispose]()
    again()
    const second = await openPort(spec)
    onTestFinished(() => second[Symbol.asyncDispose]())
    if (kind === 'packet') await until(() => changes.at(-1)!.index === second.port.index)
    kernel.netlink.setLink(kind === 'packet' ? 'eth0' : 'port0', { addrGenMode: 'none', up: true })
    if (kind !== 'packet') kernel.address('port0', '192.0.2.1/24')
    if (ethernet) {
      const index = kernel.netlink.index(kind === 'packet' ? 'eth0' : 'port0')
      kernel.netlink.addNeighbour({ index, address: ip('192.0.2.2'), lladdr: second.port.mac })
    }
    const answering = new PortMachine()
    answering.answer = (a) => answerEcho(a, ethernet)
    running(answering, [second])
    expect(await ping(kernel, '-w', '60', '-c', '2', '-i', '0.05', '192.0.2.2')).toContain('2 received')
    stop.abort()
    await watching
  })

  test('a closed door refuses, closing twice is fine, and no descriptor stays', async () => {
    const first = await rig(kind)
    await first.door[Symbol.asyncDispose]()
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    const door = await openPort(first.spec)
    await door[Symbol.asyncDispose]()
    await door[Symbol.asyncDispose]()
    expect(open()).toBe(before)
    const m = new PortMachine()
    const now = new RealClock().now()
    expect(() => door.send(now, m)).toThrow(/EBADF.*The door is closed/)
    expect(() => door.receive(now, m, 1)).toThrow(/EBADF.*The door is closed/)
  })
})
