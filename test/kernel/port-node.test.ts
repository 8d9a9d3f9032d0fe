/** A node of the stack on interfaces that were taken from real kernels, which are the other parties. */
import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'
import type { PortDoor } from '../../packages/icmpkit/src/os/port-door.ts'
import { watchPorts } from '../../packages/icmpkit/src/os/port-watch.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { Node, type StackEvent } from '../../packages/icmpkit/src/stack/index.ts'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { until } from './port-machine.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const exec = promisify(execFile)

/** A node with these ports (interface and addresses) in `h`, running until the test ends, told what happens to them. */
async function node(h: Host, role: 'host' | 'gateway', ports: Record<string, readonly string[]>) {
  const doors: PortDoor[] = []
  for (const name of Object.keys(ports)) doors.push(await openPort({ kind: 'packet', interface: name, netns: h.name }))
  const clock = new RealClock()
  const n = new Node({
    role,
    ports: doors.map(({ port }) => ({
      ...port,
      addresses: ports[port.name]!.map((text) => {
        const [address, length] = text.split('/')
        return { address: ip(address!), prefixLength: Number(length) }
      }),
    })),
    // Nobody else is there: addresses are used at once.
    ip4: { arpProbe: { count: 0 } },
    random: Math.random,
    wall: (at: Instant) => clock.wall(at),
  })
  const stop = new AbortController()
  const events: StackEvent[] = []
  n.start(clock.now())
  const running = drive(n, doors, clock, (e) => void events.push(e), stop.signal)
  const watching = (async () => {
    const facts = doors.map((d) => d.port)
    for await (const c of watchPorts(facts, { netns: h.name, signal: stop.signal })) {
      if (!c.gone) n.changePort(clock.now(), c.index, c)
      clock.wake()
    }
  })()
  onTestFinished(async () => {
    stop.abort()
    await Promise.all([running, watching])
    for (const d of doors) await d[Symbol.asyncDispose]()
  })
  return { node: n, doors, events }
}

/** Until the first answer: addresses are probed for before they are used. */
async function reachable(h: Host, to: string): Promise<void> {
  for (;;) {
    const { stdout } = await ping(h, '-c', '1', '-W', '1', to)
    if (stdout.includes('1 received')) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function ping(h: Host, ...more: string[]): Promise<{ stdout: string }> {
  return exec('ip', ['netns', 'exec', h.name, 'ping', '-n', ...more]).catch((e: { stdout: string }) => e)
}

test('a kernel resolves a node by ARP and by neighbour discovery, and pings it with fragments', async () => {
  const [a, b] = [host('a'), host('b')]
  cable(a, b)
  a.address('eth0', '192.0.2.1/24')
  a.address('eth0', '2001:db8::1/64')
  await node(b, 'host', { eth0: ['192.0.2.2/24', '2001:db8::2/64'] })
  for (const [to, most] of [
    ['192.0.2.2', '65507'],
    ['2001:db8::2', '65527'],
  ] as const) {
    await reachable(a, to)
    for (const size of ['0', '56', '1472', most])
      expect((await ping(a, '-w', '60', '-c', '5', '-i', '0.01', '-s', size, to)).stdout).toContain('5 received')
  }
})

test('where the kernel has its fe80:: too, ff02::1 draws one answer, before and after a kill of another holder', async () => {
  const [a, b] = [host('a'), host('b')]
  cable(a, b)
  for (const h of [a, b]) {
    h.sysctl('ipv6.conf.eth0.accept_dad', 0)
    h.netlink.setLink('eth0', { up: false })
    h.netlink.setLink('eth0', { addrGenMode: 'eui64', up: true })
  }
  b.sysctl('ipv6.conf.all.forwarding', 1)
  const script = new URL('port-holder.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, b.name, 'eth0'])
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((ready) => child.stdout.once('data', ready))
  child.kill('SIGKILL')
  await new Promise((ended) => child.once('exit', ended))
  await node(b, 'host', { eth0: ['192.0.2.2/24'] })
  const answers = async () => {
    const { stdout } = await ping(a, '-6', '-c', '4', '-i', '0.1', '-W', '1', 'ff02::1%eth0')
    return [...stdout.matchAll(/from (\S+?)(?:%eth0)?: icmp_seq=([123])/g)].map(([, from, seq]) => `${seq} ${from}`)
  }
  // Its own kernel answers as well.
  let seen: string[] = []
  while (new Set(seen).size < 6) seen = await answers()
  expect(seen).toHaveLength(6)
  expect(new Set(seen).size).toBe(6)
})

test('a gateway node on a host with ip_forward=1: each packet goes through once, TCP with its offloads too', async () => {
  const [a, m, b] = [host('a'), host('m'), host('b')]
  cable(a, m, 'eth0', 'x')
  cable(m, b, 'y', 'eth0')
  m.sysctl('ipv4.ip_forward', 1)
  a.address('eth0', '192.0.2.1/24')
  b.address('eth0', '198.51.100.1/24')
  a.netlink.addRoute({ dst: ip('0.0.0.0'), prefixLength: 0, gateway: ip('192.0.2.254') })
  b.netlink.addRoute({ dst: ip('0.0.0.0'), prefixLength: 0, gateway: ip('198.51.100.254') })
  // With routes of its own the kernel in the middle would forward what it hears.
  m.netlink.addRoute({ dst: ip('192.0.2.0'), prefixLength: 24, oif: m.netlink.index('x') })
  m.netlink.addRoute({ dst: ip('198.51.100.0'), prefixLength: 24, oif: m.netlink.index('y') })
  const { node: n } = await node(m, 'gateway', { x: ['192.0.2.254/24'], y: ['198.51.100.254/24'] })
  await reachable(a, '198.51.100.1')
  const echoes = () => {
    const text = b.inside(() => readFileSync('/proc/thread-self/net/snmp', 'utf8'))
    const [names, values] = [...text.matchAll(/^IcmpMsg: (.*)$/gm)].map((l) => l[1]!.split(' '))
    return Number(values![names!.indexOf('InType8')])
  }
  const before = echoes()
  for (let i = 0; i < 5; i++) {
    const { stdout } = await ping(a, '-c', '1', '-W', '60', '198.51.100.1')
    expect(stdout).toContain('1 packets transmitted, 1 received')
    expect(stdout).toContain('ttl=63')
    expect(stdout).not.toContain('DUP')
  }
  expect(echoes() - before).toBe(5)
  const octets = 5_000_000
  const server = `
import socket
s = socket.create_server(('198.51.100.1', 7000)); print('ready', flush=True)
c, _ = s.accept(); n = 0
while d := c.recv(65536): n += len(d)
print(n)`
  const child = spawn('ip', ['netns', 'exec', b.name, 'python3', '-c', server])
  onTestFinished(() => void child.kill())
  let text = ''
  child.stdout.on('data', (d: Buffer) => {
    text += d.toString()
  })
  await until(() => text.includes('ready'))
  const client = `
import socket
s = socket.create_connection(('198.51.100.1', 7000)); s.sendall(bytes(${octets})); s.close()`
  await exec('ip', ['netns', 'exec', a.name, 'python3', '-c', client])
  await until(() => text.includes(`${octets}`))
  expect(n.counters.dropped['bad-checksum']).toBeUndefined()
  // What came in leaves before the queue of the other port is full.
  expect(n.counters.dropped['queue-full']).toBeUndefined()
})

test('a node whose interface gets another MTU and another MAC goes on with them', async () => {
  const [a, b] = [host('a'), host('b')]
  cable(a, b)
  a.address('eth0', '192.0.2.1/24')
  const { node: n, doors } = await node(b, 'host', { eth0: ['192.0.2.2/24'] })
  await reachable(a, '192.0.2.2')
  const mac = unhex('0200000000aa')
  b.netlink.setLink('eth0', { mtu: 1400, address: mac })
  a.netlink.setLink('eth0', { mtu: 1400 })
  const port = n.ports.get(doors[0]!.port.index)!
  await until(() => port.mtu === 1400 && port.mac[5] === 0xaa)
  a.netlink.removeNeighbour({ index: a.netlink.index('eth0'), address: ip('192.0.2.2') })
  await reachable(a, '192.0.2.2')
  const { stdout } = await ping(a, '-w', '60', '-c', '5', '-i', '0.01', '-s', '4000', '192.0.2.2')
  expect(stdout).toContain('5 received')
  expect(Buffer.from(a.netlink.neighbour(a.netlink.index('eth0'), ip('192.0.2.2'))!.lladdr!).equals(mac)).toBe(true)
  a.netlink.setLink('eth0', { up: false })
  await until(() => !port.up)
  a.netlink.setLink('eth0', { up: true })
  await until(() => port.up)
  await reachable(a, '192.0.2.2')
})
