import { expect, test } from 'vitest'
import { parseIp } from '../wire/addr.ts'
import { hex, unhex } from '../wire/octets.ts'
import { lab } from './lab.ts'

const net = () =>
  lab({
    nodes: { me: 'host', srv: { kind: 'host', udp: [53], tcp: [80] } },
    links: [['me', 'srv', { medium: 'ip' }]],
  })

test('a UDP port that is served sends each datagram back, of both families; at another nobody listens', () => {
  const n = net()
  const { udp } = n.node('me').node.transport
  for (const [family, to] of [
    [4, '10.0.0.2'],
    [6, '2001:db8::2'],
  ] as const) {
    const [good, bad] = [udp.bind({ family }), udp.bind({ family })]
    good.send(n.now, Uint8Array.of(1, 2, 3), { address: parseIp(to)!, port: 53 })
    bad.send(n.now, Uint8Array.of(1), { address: parseIp(to)!, port: 54 })
    n.run(n.now + 100)
    expect(good.receive()?.data).toEqual(Uint8Array.of(1, 2, 3))
    expect(bad.receive()).toBeUndefined()
    expect(bad.error()).toMatchObject(family === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 })
  }
})

test('a TCP port that is served answers SYN with SYN ACK and closes when the other side does; others reset', () => {
  const n = net()
  const heard: string[] = []
  n.tap('me-srv', (p) => {
    if (p.from === 'srv' && p.bytes[p.at + 9] === 6) heard.push(hex(p.bytes, p.at + 20, p.at + 34))
  })
  // As scapy makes them, from 10.0.0.1:1024, sequence 7: SYN to 80, ACK, FIN ACK; and SYN to 81.
  for (const packet of [
    '4500002800010000400666cd0a0000010a0000020400005000000007000000005002200077890000',
    '4500002800010000400666cd0a0000010a0000020400005000000008000003e95010200073910000',
    '4500002800010000400666cd0a0000010a0000020400005000000008000003e95011200073900000',
    '4500002800010000400666cd0a0000010a0000020400005100000007000000005002200077880000',
  ]) {
    n.node('me').inject(n.now, 1, unhex(packet))
    n.run(n.now + 100)
  }
  // Ports, sequence, acknowledgment, flags.
  expect(heard).toEqual([
    '00500400000003e8000000085012',
    '00500400000003e9000000095011',
    '0051040000000000000000085014',
  ])
})
