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
