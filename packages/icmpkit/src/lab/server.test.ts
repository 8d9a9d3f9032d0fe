import { expect, test } from 'vitest'
import { parseIp, readIp4 } from '../wire/addr.ts'
import { finish, pseudo4, sum } from '../wire/checksum.ts'
import { hex, put16, unhex } from '../wire/octets.ts'
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

test('programs end and begin at a time: a port that was served refuses, and another one answers', () => {
  const n = lab({
    nodes: { me: 'host', srv: { kind: 'host', udp: [53], tcp: [80] }, late: 'host' },
    links: [['me', 'srv', 'late']],
    at: [
      { time: 1000, serve: { srv: { udp: [54] }, late: { udp: [53], tcp: [80] } } },
      { time: 2000, serve: { srv: { tcp: [] }, late: { udp: [] } } },
    ],
  })
  const { udp } = n.node('me').node.transport
  const at = (to: string, port: number) => {
    const s = udp.bind({ family: 4 })
    s.send(n.now, Uint8Array.of(1), { address: parseIp(to)!, port })
    n.run(n.now + 100)
    const answer = s.receive() !== undefined ? 'answers' : s.error()?.code === 3 ? 'refuses' : 'is silent'
    s.close()
    return answer
  }
  const syn = (to: string) => {
    const flags: number[] = []
    n.tap('me-srv-late', (p) => {
      if (p.from !== 'me' && p.bytes[p.at + 14 + 9] === 6) flags.push(p.bytes[p.at + 14 + 33]!)
    })
    const segment = unhex('0400005000000007000000005002200000000000')
    const pseudo = pseudo4(unhex(`${'00'.repeat(12)}0a000001${to}`), 0, 6, segment.length)
    put16(segment, 16, finish(sum(segment, 0, segment.length, pseudo)))
    n.node('me').node.ip4.send(n.now, { dst: readIp4(unhex(to), 0), protocol: 6, payload: segment })
    n.run(n.now + 100)
    return flags.at(-1) === 0x12 ? 'answers' : flags.at(-1) === 0x14 ? 'refuses' : 'is silent'
  }
  const srv = () => [at('10.0.0.2', 53), at('10.0.0.2', 54), syn('0a000002')]
  const late = () => [at('10.0.0.3', 53), syn('0a000003')]
  expect([srv(), late()]).toEqual([
    ['answers', 'refuses', 'answers'],
    ['refuses', 'refuses'],
  ])
  n.run(1000)
  expect([srv(), late()]).toEqual([
    ['refuses', 'answers', 'answers'],
    ['answers', 'answers'],
  ])
  n.run(2000)
  expect([srv(), late()]).toEqual([
    ['refuses', 'answers', 'refuses'],
    ['refuses', 'answers'],
  ])
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
