import { expect, test } from 'vitest'
import { addr, frame, left, na, ofType, tlla } from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'
import { md5 } from './md5.ts'
import type { NodeInformationSettings } from './nd-settings.ts'
import { nameGroup } from './node-information.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
const MAC = '0200000000aa'
const REPLY = 140
const NONCE = '0102030405060708'
/** Queries as scapy makes them, from fe80::aa to 2001:db8::1. */
const SCAPY = {
  noop: '0200000000010200000000aa86dd6000000000133afffe8000000000000000000000000000aa20010db80000000000000000000000018b0137b8000000000102030405060708000000',
  name: '0200000000010200000000aa86dd6000000000203afffe8000000000000000000000000000aa20010db80000000000000000000000018b0009f000020000010203040506070820010db8000000000000000000000001',
  v6: '0200000000010200000000aa86dd6000000000203afffe8000000000000000000000000000aa20010db80000000000000000000000018b0009b10003003e010203040506070820010db8000000000000000000000001',
  v4: '0200000000010200000000aa86dd6000000000203afffe8000000000000000000000000000aa20010db80000000000000000000000018b0009ee00040000010203040506070820010db8000000000000000000000001',
  byName:
    '0200000000010200000000aa86dd60000000001a3afffe8000000000000000000000000000aa20010db80000000000000000000000018b01f0f1000200000102030405060708076b65737472656c0000',
}

function started(nodeInformation: NodeInformationSettings | undefined = { name: 'kestrel.example.net' }): OneNode {
  const n = new OneNode({
    ip6: { nodeInformation },
    ports: [
      port(1, { addresses: ['2001:db8::1/64', '192.0.2.1/24'] }),
      port(2, { addresses: ['2001:db8:2::1/64', '198.51.100.1/24'] }),
    ],
  })
  n.run(30_000)
  // Who asks is known, so that answers leave at once.
  for (const from of ['fe80::aa', '2001:db8::aa']) {
    n.give(frame({ from, to: '2001:db8::1' }, `8700000000000000${addr('2001:db8::1')}0101${MAC}`))
    n.give(frame({ from, to: '2001:db8::1' }, na(from, 'SO', tlla(MAC))))
  }
  n.taken()
  return n
}

/** A query by hand: code, qtype, flags, subject. */
const query = (code: number, qtype: number, flags: number, data: string) =>
  `8b0${code}0000${qtype.toString(16).padStart(4, '0')}${flags.toString(16).padStart(4, '0')}${NONCE}${data}`
const ask = (n: OneNode, body: string, from = 'fe80::aa', to = '2001:db8::1') =>
  ofType(n.give(frame({ from, to }, body)), REPLY)

test('a query for nothing, the name, the addresses of either family is answered, its nonce and type in the answer (RFC 4620 §5, §6) [v6-ni-responder]', () => {
  const n = started()
  const answer = (packet: string) => {
    const [l] = ofType(n.give(packet), REPLY)
    expect(l).toMatchObject({ dst: 'fe80::aa', dstMac: MAC, sound: true })
    // Code, then what follows the checksum.
    return [l!.code, l!.icmp.slice(8)]
  }
  expect(answer(SCAPY.noop)).toEqual([0, `00000000${NONCE}`])
  const named = '076b65737472656c076578616d706c65036e657400'
  expect(answer(SCAPY.name)).toEqual([0, `00020000${NONCE}00000000${named}`])
  expect(answer(SCAPY.byName)).toEqual([0, `00020000${NONCE}00000000${named}`])
  // All scopes and all ports: flags G, S, L, C, A.
  expect(answer(SCAPY.v6)).toEqual([
    0,
    `0003003e${NONCE}${[
      LINK_LOCAL,
      '2001:db8::1',
      'fe80::ff:fe00:2',
      '2001:db8:2::1',
      '::ffff:192.0.2.1',
      '::ffff:198.51.100.1',
    ]
      .map((a) => `00000000${addr(a)}`)
      .join('')}`,
  ])
  expect(answer(SCAPY.v4)).toEqual([0, `00040000${NONCE}00000000c0000201`])
})

test('only the scopes and ports asked for are told (RFC 4620 §6.3, §6.4) [v6-ni-responder]', () => {
  const n = started()
  const told = (flags: number, subject = '2001:db8::1') => ask(n, query(0, 3, flags, addr(subject)))[0]!.icmp.slice(32)
  const list = (...a: string[]) => a.map((x) => `00000000${addr(x)}`).join('')
  expect(told(0x20)).toBe(list('2001:db8::1'))
  expect(told(0x08)).toBe(list(LINK_LOCAL))
  expect(told(0x22)).toBe(list('2001:db8::1', '2001:db8:2::1'))
  expect(told(0x20, '2001:db8:2::1')).toBe(list('2001:db8:2::1'))
  expect(told(0x10)).toBe('')
  expect(ask(n, query(0, 4, 2, addr('2001:db8::1')))[0]!.icmp.slice(32)).toBe('00000000c000020100000000c6336401')
  // By its IPv4 address.
  expect(ask(n, query(2, 2, 0, 'c0000201'))[0]!.code).toBe(0)
})

test('an unknown type is answered with code 2, a query from beyond the link refused with code 1 unless that is configured, both at a bounded rate (RFC 4620 §5, §8) [v6-ni-responder]', () => {
  const n = started()
  const bare = (qtype: string) => [`${qtype}0000${NONCE}`]
  expect(ask(n, query(0, 99, 0, addr('2001:db8::1'))).map((l) => [l.code, l.icmp.slice(8)])).toEqual([
    [2, ...bare('0063')],
  ])
  expect(ask(n, query(0, 2, 0, addr('2001:db8::1')), '2001:db8::aa').map((l) => [l.code, l.icmp.slice(8)])).toEqual([
    [1, ...bare('0002')],
  ])
  expect(ask(n, query(1, 0, 0, ''), '2001:db8::aa').map((l) => l.code)).toEqual([1])
  const open = started({ name: 'kestrel', global: true })
  expect(ask(open, query(1, 0, 0, ''), '2001:db8::aa').map((l) => l.code)).toEqual([0])
  let answers = 0
  for (let i = 0; i < 1000; i++) answers += ask(n, query(0, 99, 0, addr('2001:db8::1'))).length
  expect(answers).toBeLessThanOrEqual(n.node.ip6.settings.errorLimit.burst)
  expect(n.node.counters.suppressed['rate-limit']).toBeGreaterThan(900)
})

test('a node that is not told to answers nothing (RFC 4620 §8)', () => {
  const n = new OneNode({ ports: [port(1, { addresses: ['2001:db8::1/64'] })] })
  n.run(10_000)
  n.taken()
  for (const packet of Object.values(SCAPY)) expect(n.give(packet)).toEqual([])
  expect(n.node.counters.dropped.disabled).toBe(5)
})

test('a query about somebody else draws nothing, one to a group its answer after a while (RFC 4620 §5) [v6-ni-subject]', () => {
  const n = started()
  expect(ask(n, query(0, 2, 0, addr('2001:db8::2')))).toEqual([])
  expect(ask(n, query(0, 2, 0, addr('ff02::1')))).toEqual([])
  expect(ask(n, query(2, 2, 0, 'c0000202'))).toEqual([])
  expect(ask(n, query(1, 2, 0, '066b657374656c0000'))).toEqual([])
  expect(ask(n, query(1, 2, 0, ''))).toEqual([])
  // A single label matches the first one of the name, the whole name itself, in whatever case.
  expect(ask(n, query(1, 2, 0, '074b45535452454c0000'))).toHaveLength(1)
  expect(ask(n, query(1, 2, 0, '076b65737472656c074558414d504c45036e657400'))).toHaveLength(1)
  expect(ask(n, query(1, 2, 0, '076b65737472656c036f72670000'))).toEqual([])
  const delays: number[] = []
  for (let i = 0; i < 30; i++) {
    const from = n.now
    // The asker has spoken lately.
    n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, na('fe80::aa', 'SO', tlla(MAC))))
    expect(ask(n, query(0, 0, 0, ''), 'fe80::aa', 'ff02::1')).toEqual([])
    const [answer] = n.run(10_000).filter((s) => left(s.bytes).type === REPLY)
    delays.push(answer!.at - from)
  }
  expect(Math.min(...delays)).toBeLessThan(2500)
  expect(Math.max(...delays)).toBeGreaterThan(7500)
  expect(Math.max(...delays)).toBeLessThanOrEqual(10_000)
  // Groups beyond the link are none of its business.
  n.node.ip6.groups.join(n.now as Instant, n.node.ports.get(1)!, ip6('ff05::77'))
  expect(ask(n, query(0, 0, 0, ''), 'fe80::aa', 'ff05::77')).toEqual([])
  expect(ofType(n.run(20_000), REPLY)).toEqual([])
  // Answers that wait are bounded.
  for (let i = 0; i < 1000; i++) ask(n, query(0, 0, 0, ''), 'fe80::aa', 'ff02::1')
  n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, na('fe80::aa', 'SO', tlla(MAC))))
  expect(ofType(n.run(20_000), REPLY).length).toBeLessThanOrEqual(64)
})

test('the group of a name is of 24 bits of the MD5 of its first label, and it is joined (RFC 4620 §5) [v6-ni-group]', () => {
  // MD5 of 07 "kestrel" is b54d6095…, of 04 "ping" e9b3b10b….
  expect(nameGroup('kestrel.example.net')).toBe(ip6('ff02::2:ffb5:4d60'))
  expect(nameGroup('KESTREL')).toBe(ip6('ff02::2:ffb5:4d60'))
  expect(nameGroup('ping')).toBe(ip6('ff02::2:ffe9:b3b1'))
  const n = new OneNode({
    ip6: { nodeInformation: { name: 'kestrel.example.net' } },
    ports: [port(1, { addresses: ['2001:db8::1/64'] })],
  })
  const reports = ofType(n.run(20_000), 143)
  expect(reports.some((l) => l.icmp.includes(addr('ff02::2:ffb5:4d60')))).toBe(true)
  n.taken()
  n.give(frame({ from: 'fe80::aa', to: LINK_LOCAL }, na('fe80::aa', 'SO', tlla(MAC))))
  expect(ask(n, query(1, 2, 0, '076b65737472656c0000'), 'fe80::aa', 'ff02::2:ffb5:4d60')).toEqual([])
  expect(ofType(n.run(10_000), 135)).toMatchObject([{ target: 'fe80::aa' }, {}, {}])
})

test('MD5 is that of RFC 1321 at each length around its block', () => {
  const of = (text: string) => hex(md5(new TextEncoder().encode(text)))
  expect(of('')).toBe('d41d8cd98f00b204e9800998ecf8427e')
  expect(of('a')).toBe('0cc175b9c0f1b6a831c399e269772661')
  expect(of('abc')).toBe('900150983cd24fb0d6963f7d28e17f72')
  // Python's hashlib.
  expect(of('x'.repeat(55))).toBe('04364420e25c512fd958a70738aa8f72')
  expect(of('x'.repeat(56))).toBe('668a72d5ba17f08e62dabcafad6db14b')
  expect(of('x'.repeat(64))).toBe('c1bb4f81d892b2d57947682aeb252456')
  expect(of('x'.repeat(200))).toBe('30a83621ce5422fbdfdd539777458c78')
})
