import { expect, test } from 'vitest'
import { showIp } from '../wire/addr.ts'
import { lab } from './lab.ts'

const shown = (net: ReturnType<typeof lab>, node: string) =>
  [...net.node(node).node.ports.values()].map((p) => p.addresses.map((a) => `${showIp(a.address)}/${a.prefixLength}`))

test('addresses are made where none are given: a prefix a link, a number a member', () => {
  const net = lab({
    nodes: { a: 'host', r: 'gateway', b: 'host' },
    links: [
      ['a', 'r'],
      ['r', 'b', { addresses: { b: ['192.0.2.9/30'] } }],
    ],
  })
  expect(shown(net, 'a')).toEqual([['10.0.0.1/24', '2001:db8::1/64']])
  expect(shown(net, 'r')).toEqual([
    ['10.0.0.2/24', '2001:db8::2/64'],
    ['10.0.1.1/24', '2001:db8:0:1::1/64'],
  ])
  expect(shown(net, 'b')).toEqual([['192.0.2.9/30']])
})

test('what cannot be used is refused with its place', () => {
  const ab = { a: 'host', b: 'host' } as const
  const refused = (links: Parameters<typeof lab>[0]['links'], nodes: Parameters<typeof lab>[0]['nodes'] = ab) => {
    try {
      lab({ nodes, links })
    } catch (e) {
      return (e as TypeError).message
    }
    return 'taken'
  }
  expect(refused([['a', 'x']])).toBe("lab: links[0][1]: there is no node 'x'; expected a, b")
  expect(refused([['a']])).toBe('lab: links[0]: a link joins two nodes or more')
  expect(refused([['a', 'a']])).toBe("lab: links[0][1]: 'a' is on this link already; expected another node")
  expect(
    refused([
      ['a', 'b'],
      ['a', 'b'],
    ]),
  ).toBe("lab: links[1]: a second link is called 'a-b': give it a name")
  expect(refused([['a', 'b', { loss: 5 }]])).toBe('lab: links[0]: loss is a fraction from 0 to 1, not 5')
  expect(refused([['a', 'b', { delay: -1 }]])).toBe('lab: links[0]: delay is milliseconds, not -1')
  expect(refused([['a', 'b', { addresses: { a: ['10.0.0.1'] } }]])).toBe(
    "lab: links[0]: '10.0.0.1' is no address with a prefix length, as 192.0.2.1/24 is",
  )
  expect(refused([['a', 'b', { addresses: { c: [] } }]])).toBe("lab: links[0]: addresses: 'c' is not on this link")
  expect(refused([], { a: { kind: 'host', routes: { '0.0.0.0/0': '10.9.9.9' } } })).toBe(
    "lab: nodes.a.routes.0.0.0.0/0: no port of it leads to '10.9.9.9'; expected an address on a link of it, or ADDRESS%eth0",
  )
  expect(refused([], { a: 'switch' as 'host' })).toBe("lab: nodes.a: a node is 'host' or 'gateway', not 'switch'")
})

test('gateways know the shortest way to every link, and hosts their nearest gateway', () => {
  const net = lab({
    nodes: { a: 'host', r1: 'gateway', r2: 'gateway', r3: 'gateway', b: 'host' },
    links: [
      ['a', 'r1'],
      ['r1', 'r2'],
      ['r2', 'r3'],
      ['r3', 'b'],
      ['r1', 'r3'],
    ],
  })
  const hop = (node: string, to: number) => {
    const r = net.node(node).node.ip4.routes.lookup(((10 << 24) | (to << 8) | 77) as never)
    return r && `${r.nextHop === undefined ? 'link' : showIp(r.nextHop)} by ${r.port}`
  }
  expect(hop('a', 3)).toBe('10.0.0.2 by 1')
  expect(hop('r1', 3)).toBe('10.0.4.2 by 3')
  expect(hop('r2', 0)).toBe('10.0.1.1 by 1')
  expect(hop('r2', 99)).toBeUndefined()
  const six = net.node('r1').node.ip6.routes.lookup(0x20010db8000000030000000000000001n as never)
  // The link-local address of r3 on the last link, whose port was the tenth made.
  expect(showIp(six!.nextHop!)).toBe('fe80::ff:fe00:a')
  net.change('r1-r3', { up: false })
  expect(hop('r1', 3)).toBe('10.0.1.2 by 2')
  net.change('r1-r3', { up: true })
  expect(hop('r1', 3)).toBe('10.0.4.2 by 3')
})
