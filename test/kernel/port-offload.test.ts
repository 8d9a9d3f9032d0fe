/**
 * What offloads do to frames, undone: two kernels talk through a machine that is a cable between two ports, over veths
 * as Linux makes them. Each frame that the machine sees is one that a wire could carry.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { fold, pseudo4, pseudo6, sum } from '../../packages/icmpkit/src/wire/checksum.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import { u16, u32 } from '../../packages/icmpkit/src/wire/octets.ts'
import { CableMachine, type Heard, opened, running } from './port-machine.ts'
import { cable, type Host, host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

/** a — (x machine y) — b */
async function throughMachine() {
  const [a, m, b] = [host('a'), host('m'), host('b')]
  cable(a, m, 'eth0', 'x')
  cable(m, b, 'y', 'eth0')
  // Each side is taken for the host behind the other one: what is for another station a port does not hear.
  const macOf = (h: Host, name: string) => h.netlink.link(name)!.address
  m.netlink.setLink('x', { address: macOf(b, 'eth0') })
  m.netlink.setLink('y', { address: macOf(a, 'eth0') })
  for (const [h, last] of [
    [a, 1],
    [b, 2],
  ] as const) {
    h.address('eth0', `192.0.2.${last}/24`)
    h.address('eth0', `2001:db8::${last}/64`)
  }
  const x = await opened({ kind: 'packet', interface: 'x', netns: m.name })
  const y = await opened({ kind: 'packet', interface: 'y', netns: m.name })
  const machine = new CableMachine(x, y)
  running(machine, [x, y])
  return { a, b, m, x, y, machine }
}

/** Python in there; resolves with what it printed, once `ready` was printed where asked for. */
function python(h: Host, script: string): { ready: Promise<void>; output: Promise<string> } {
  const child = spawn('ip', ['netns', 'exec', h.name, 'python3', '-u', '-c', script])
  onTestFinished(() => void child.kill())
  let text = ''
  let errors = ''
  let isReady = () => {}
  const ready = new Promise<void>((resolve) => {
    isReady = resolve
  })
  child.stdout.on('data', (d: Buffer) => {
    text += d.toString()
    if (text.includes('ready')) isReady()
  })
  child.stderr.on('data', (d: Buffer) => {
    errors += d.toString()
  })
  const output = new Promise<string>((resolve, reject) => {
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(errors))))
  })
  return { ready, output }
}

const SERVER = (family: 4 | 6) => `
import socket, hashlib
s = socket.create_server(('${family === 4 ? '192.0.2.2' : '2001:db8::2'}', 7000), family=socket.AF_INET${family === 4 ? '' : '6'})
print('ready')
c, _ = s.accept()
h = hashlib.sha256(); n = 0
while d := c.recv(65536):
    h.update(d); n += len(d)
print(n, h.hexdigest())
`

const CLIENT = (family: 4 | 6, octets: number) => `
import socket
s = socket.create_connection(('${family === 4 ? '192.0.2.2' : '2001:db8::2'}', 7000))
s.sendall(bytes(i * 7 & 255 for i in range(${octets})))
s.close()
`

/** The header behind the Ethernet header, and whether every sum in the packet is right. */
function inspect(h: Heard) {
  const { bytes } = h
  const four = u16(bytes, 12) === 0x0800
  if (!four && u16(bytes, 12) !== 0x86dd) return undefined
  const ip = 14
  const transport = ip + (four ? (bytes[ip]! & 15) * 4 : 40)
  const end = four ? ip + u16(bytes, ip + 2) : transport + u16(bytes, ip + 4)
  const protocol = bytes[ip + (four ? 9 : 6)]!
  const pseudo = (four ? pseudo4 : pseudo6)(bytes, ip, protocol, end - transport)
  const right = protocol !== 6 && protocol !== 17 ? undefined : fold(sum(bytes, transport, end, pseudo)) === 0xffff
  const header = !four || ip4.verify(bytes, ip, bytes.length) === 'ok'
  return { protocol, ip, transport, end, right, header, octets: bytes.length }
}

test.each([4, 6] as const)(
  'TCP super-frames are seen as datagrams that fit the link, each with its sums, IPv%i',
  async (family) => {
    const { a, b, machine, x, y } = await throughMachine()
    const octets = 1_000_000
    const server = python(b, SERVER(family))
    await server.ready
    const sent = await python(a, CLIENT(family, octets)).output
    expect(sent).toBe('')
    const data = Uint8Array.from({ length: octets }, (_, i) => (i * 7) & 255)
    expect((await server.output).replace('ready\n', '').trim()).toBe(
      `${octets} ${createHash('sha256').update(data).digest('hex')}`,
    )
    const seen = machine.heard.map(inspect).filter((p) => p?.protocol === 6)
    expect(Math.max(...seen.map((p) => p!.octets))).toBe(1514)
    expect(seen.filter((p) => !p!.right || !p!.header)).toEqual([])
    expect(machine.heard.every((h) => h.length === h.bytes.length)).toBe(true)
    expect(new Set(machine.heard.map((h) => h.checksum))).not.toContain('partial')
    expect(machine.unsent).toEqual([])
    expect([x.loss.queueOverflow, y.loss.queueOverflow]).toEqual([0, 0])
    // It was offloads that were undone: many datagrams came with one stamp.
    const stamps = new Map<number, number>()
    for (const h of machine.heard) stamps.set(h.stamp, (stamps.get(h.stamp) ?? 0) + 1)
    expect(Math.max(...stamps.values())).toBeGreaterThan(10)
  },
)

test.each([4, 6] as const)(
  'only the last segment ends the stream, and sequence numbers go on, IPv%i',
  async (family) => {
    const { a, b, machine } = await throughMachine()
    const server = python(b, SERVER(family))
    await server.ready
    await python(a, CLIENT(family, 100_000)).output
    await server.output
    const data = machine.heard.flatMap((h) => {
      const p = inspect(h)
      if (p?.protocol !== 6 || u16(h.bytes, p.transport + 2) !== 7000) return []
      const start = p.transport + (h.bytes[p.transport + 12]! >>> 4) * 4
      const flags = h.bytes[p.transport + 13]!
      return [{ seq: u32(h.bytes, p.transport + 4), octets: p.end - start, flags, id: u16(h.bytes, p.ip + 4) }]
    })
    const first = data.find((d) => d.octets > 0)!.seq
    const got = new Uint8Array(100_000)
    for (const d of data) got.fill(1, d.seq - first, d.seq - first + d.octets)
    expect(got.every((o) => o === 1)).toBe(true)
    const fins = data.filter((d) => d.flags & 1)
    expect(fins.every((d) => d.seq + d.octets === first + 100_000)).toBe(true)
    // Pushes end writes, not segments.
    expect(data.filter((d) => d.flags & 8).length).toBeLessThan(data.length / 2)
  },
)

test.each([4, 6] as const)('a UDP super-frame becomes the datagrams that the program meant, IPv%i', async (family) => {
  const { a, b, machine } = await throughMachine()
  const to = family === 4 ? '192.0.2.2' : '2001:db8::2'
  const af = `socket.AF_INET${family === 4 ? '' : '6'}`
  const receiver = python(
    b,
    `
import socket
s = socket.socket(${af}, socket.SOCK_DGRAM); s.bind(('${to}', 7001)); print('ready')
print([ [len(d), sum(d)] for d in (s.recv(65536) for _ in range(11)) ])
`,
  )
  await receiver.ready
  await python(
    a,
    `
import socket
s = socket.socket(${af}, socket.SOCK_DGRAM)
s.sendto(b'warm up', ('${to}', 7001))
s.setsockopt(17, 103, 1000)
s.sendto(bytes(i // 1000 for i in range(9500)), ('${to}', 7001))
`,
  ).output
  const expected = [[7, 700], ...Array.from({ length: 9 }, (_, i) => [1000, 1000 * i]), [500, 9 * 500]]
  const text = await receiver.output
  expect(JSON.parse(text.replace('ready\n', ''))).toEqual(expected)
  const seen = machine.heard.map(inspect).filter((p) => p?.protocol === 17)
  expect(seen.map((p) => p!.end - p!.transport - 8)).toEqual(expected.map(([n]) => n))
  expect(seen.filter((p) => !p!.right || !p!.header)).toEqual([])
})
