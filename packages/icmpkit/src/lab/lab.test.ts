import { expect, test } from 'vitest'
import { parseIp } from '../wire/addr.ts'
import { hex, unhex } from '../wire/octets.ts'
import { lab } from './lab.ts'

test('an echo request put on a link comes back as a reply, after twice the delay', () => {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b', { medium: 'ip', delay: 5 }]] })
  net.run(10_000)
  const seen: string[] = []
  net.tap('a-b', (p) =>
    seen.push(`${p.time} ${p.from}>${p.to} ${p.fate} ${p.arrives} ${hex(p.bytes, p.at + 12, p.end)}`),
  )
  // Both packets as scapy makes them; compared are addresses and message, since a reply has an identification of its own.
  const request = '4500002000004000400126db0a0000010a0000020800f7fd0001000100000000'
  const reply = '4500002000004000400126db0a0000020a0000010000fffd0001000100000000'
  net.node('a').inject(net.now, 1, unhex(request))
  net.run(10_020)
  expect(seen).toEqual([`10000 a>b carried 10005 ${request.slice(24)}`, `10005 b>a carried 10010 ${reply.slice(24)}`])
})

test('a network begins when time moves, or a node is taken in hand: whoever taps before sees its first packets', async () => {
  const begun = async (begin: (net: ReturnType<typeof lab>) => unknown) => {
    const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b']] })
    const seen: string[] = []
    net.tap('a-b', (p) => seen.push(`${p.time} ${p.from} ${hex(p.bytes, p.at, p.end)}`))
    expect(seen).toEqual([])
    await begin(net)
    return seen
  }
  const first = await begun((net) => net.start())
  expect(first.length).toBeGreaterThan(1)
  expect(await begun((net) => net.run(0))).toEqual(first)
  expect(await begun((net) => net.node('b'))).toEqual(first)
  expect(await begun((net) => net.nodes)).toEqual(first)
  expect(await begun((net) => net.from('a'))).toEqual(first)
  expect(await begun((net) => net.clock.wait(0.05 as typeof net.now, [], false))).toEqual(first)
})

test('who is replaced before the network begins says nothing of its own', () => {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b']] })
  const said = new Set<string>()
  const heard: number[] = []
  net.tap('a-b', (p) => said.add(p.from))
  net.replace('a', { receive: (now) => void heard.push(now), changePort: () => {} })
  net.run(10_000)
  expect([...said]).toEqual(['b'])
  expect(heard.length).toBeGreaterThan(0)
  expect(() => net.replace('c', { receive: () => {}, changePort: () => {} })).toThrow("lab: there is no node 'c'")
})

test('what a program asks of a node between two runs leaves at the next, though nothing else happens there', () => {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b']] })
  const { udp } = net.node('a').node.transport
  const server = net.node('b').node.transport.udp.bind({ family: 4, port: 7 })
  const socket = udp.bind({ family: 4 })
  for (let i = 0; i < 3; i++) {
    socket.send(net.now, Uint8Array.of(i), { address: parseIp('10.0.0.2')!, port: 7 })
    net.run(net.now + 50)
    expect(server.receive()?.data).toEqual(Uint8Array.of(i))
  }
})

test('a link that goes down is gone round; when it is back, so are its packets', () => {
  const net = lab({
    nodes: { a: 'host', r1: 'gateway', r2: 'gateway', r3: 'gateway', b: 'host' },
    links: [
      ['a', 'r1'],
      ['r1', 'r3'],
      ['r3', 'b'],
      ['r1', 'r2'],
      ['r2', 'r3'],
    ],
  })
  const way: string[] = []
  for (const link of net.links) {
    net.tap(link.name, (p) => {
      // Echo requests of either family.
      const six = p.bytes[p.at + 12] === 0x86
      if (six ? p.bytes[p.at + 54] === 128 : p.bytes[p.at + 13] === 0 && p.bytes[p.at + 34] === 8) way.push(p.link)
    })
  }
  const ask = (packet: string) => {
    way.length = 0
    for (let i = 0; i < 3; i++) {
      const frame = new Uint8Array([
        ...mac('r1'),
        ...mac('a'),
        ...(packet.startsWith('6') ? [0x86, 0xdd] : [8, 0]),
        ...unhex(packet),
      ])
      net.node('a').inject(net.now, 1, frame)
      net.run(net.now + 100)
    }
    return way.slice(-way.length / 3).join(' ')
  }
  const mac = (node: string) => net.node(node).node.ports.get(1)!.mac
  // 10.0.0.1 to 10.0.2.2, and 2001:db8::1 to 2001:db8:0:2::2, as scapy makes them.
  const four = '4500001c00010000400164de0a0000010a0002020800f7fd00010001'
  const six = '6000000000083a4020010db800000000000000000000000120010db80000000200000000000000028000244400010001'
  for (const packet of [four, six]) {
    expect(ask(packet)).toBe('a-r1 r1-r3 r3-b')
    net.change('r1-r3', { up: false })
    expect(ask(packet)).toBe('a-r1 r1-r2 r2-r3 r3-b')
    net.change('r1-r3', { up: true })
    expect(ask(packet)).toBe('a-r1 r1-r3 r3-b')
  }
})

test('what is to be done at a moment is done then, and before what was planned for it later', () => {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b']] })
  const seen: string[] = []
  net.at(20, () => seen.push(`second at ${net.now}`))
  net.at(10, () => {
    net.change('a-b', { up: false })
    seen.push(`first at ${net.now}`)
    net.at(0, () => seen.push(`at once at ${net.now}`))
  })
  net.run(9)
  expect(net.link('a-b').up).toBe(true)
  net.run(30)
  expect(net.link('a-b').up).toBe(false)
  expect(seen).toEqual(['first at 10', 'at once at 10', 'second at 20'])
})
