/** MPLS tunnels of the lab as a traceroute sees them (RFC 3443, RFC 4950; the four kinds of Donnet et al. 2012). */
import { expect, test } from 'vitest'
import { type LabConfig, lab, type TunnelData } from '../../packages/icmpkit/src/lab/index.ts'
import { ask, trace } from './traveller.ts'

/** me — r0 — r1 — r2 — r3 — r4 — srv, the tunnel from r1 to r4; each answers from where the packet came in. */
function row(mode?: TunnelData['mode'], path = ['r1', 'r2', 'r3', 'r4']): LabConfig {
  const gateway = { kind: 'gateway', ip4: { errorSource: 'incoming' } } as const
  return {
    nodes: { me: 'host', r0: gateway, r1: gateway, r2: gateway, r3: gateway, r4: gateway, srv: 'host' },
    links: [
      ['me', 'r0'],
      ['r0', 'r1'],
      ['r1', 'r2'],
      ['r2', 'r3'],
      ['r3', 'r4'],
      ['r4', 'srv'],
    ],
    ...(mode === undefined ? {} : { tunnels: [{ path, mode }] }),
  }
}
const srv = '10.0.5.2'
const all = ['10.0.0.2', '10.0.1.2', '10.0.2.2', '10.0.3.2', '10.0.4.2', srv]

test('without a tunnel each router is a hop and tells no labels', () => {
  expect(trace(lab(row()), 'me', { to: srv })).toEqual(all)
})

test('the nodes inside an explicit tunnel tell their labels, whose TTL has ended (RFC 4950 §5); its ends tell none', () => {
  const seen = trace(lab(row('explicit')), 'me', { to: srv })
  expect(seen).toEqual([all[0], all[1], `${all[2]} [24000/1]`, `${all[3]} [24001/1]`, all[4], srv])
})

test('inside a tunnel the TTL of the quoted packet stands still, so that it grows by one a hop (explicit and implicit)', () => {
  for (const mode of ['explicit', 'implicit'] as const) {
    const net = lab(row(mode))
    const quoted = [1, 2, 3, 4, 5].map((ttl) => ask(net, 'me', { to: srv, ttl })[0]?.quotedTtl)
    // r1 lowered the TTL of the packet before it pushed a label: what reaches r2 had one less, and r3 the same.
    expect(quoted).toEqual([1, 1, 1, 2, 1])
  }
})

test('the nodes inside an implicit tunnel are hops, and tell no labels', () => {
  expect(trace(lab(row('implicit')), 'me', { to: srv })).toEqual(all)
})

test('an invisible tunnel hides the nodes inside; its last node is the hop behind its first', () => {
  expect(trace(lab(row('invisible')), 'me', { to: srv })).toEqual([all[0], all[1], all[4], srv])
})

test('an opaque tunnel hides the nodes inside, and its last node tells a label that has nearly all of its 255 hops left', () => {
  const seen = trace(lab(row('opaque')), 'me', { to: srv })
  // Two nodes have lowered it: r2 and r3.
  expect(seen).toEqual([all[0], all[1], `${all[4]} [24002/253]`, srv])
})

test('IPv6 goes through the same tunnels (RFC 4798)', () => {
  const seen = (mode?: TunnelData['mode']) => trace(lab(row(mode)), 'me', { to: '2001:db8:0:5::2' })
  expect(seen('explicit').map((h) => h.replace(/.* \[/, '['))).toEqual([
    '2001:db8::2',
    expect.any(String),
    '[24000/1]',
    '[24001/1]',
    expect.any(String),
    '2001:db8:0:5::2',
  ])
  expect(seen('invisible')).toHaveLength(4)
  expect(seen('opaque')[2]).toContain('[24002/253]')
})

test('what is for a network inside the tunnel goes without labels: its nodes are then seen (direct path revelation)', () => {
  const seen = trace(lab(row('invisible')), 'me', { to: all[3]! })
  expect(seen).toEqual([all[0], all[1], all[2], all[3]])
})

test('a packet of the whole MTU goes through a tunnel: labels have room of their own', () => {
  const [reply] = ask(lab(row('explicit')), 'me', { to: srv, size: 1472, df: true })
  expect(reply).toMatchObject({ from: srv, type: 0 })
})

test('a tunnel whose link is down carries nothing; what finds another way goes without labels', () => {
  const config = row('explicit')
  const net = lab({
    ...config,
    nodes: { ...config.nodes, r5: 'gateway' },
    links: [...config.links, ['r1', 'r5', { delay: 1 }], ['r5', 'r4', { delay: 1 }]],
    tunnels: [{ path: ['r1', 'r2', 'r3', 'r4'], mode: 'explicit' }],
  })
  // Two hops by r5, three by the tunnel: it leads where packets do not go.
  expect(trace(net, 'me', { to: srv }).join()).not.toContain('[')
  net.change('r1-r5', { up: false })
  expect(trace(net, 'me', { to: srv }).join()).toContain('[24000/1]')
  net.change('r2-r3', { up: false })
  net.change('r1-r5', { up: true })
  expect(trace(net, 'me', { to: srv }).join()).not.toContain('[')
})

test('the octets on the wire: label, bottom of stack, the TTL that the packet has (RFC 3032 §2.1)', () => {
  const net = lab(row('explicit'))
  const frames: string[] = []
  net.tap('r1-r2', (p) => {
    if (p.bytes[p.at + 12] === 0x88 && p.bytes[p.at + 13] === 0x47)
      frames.push([...p.bytes.subarray(p.at + 12, p.at + 18)].map((o) => o.toString(16).padStart(2, '0')).join(''))
  })
  ask(net, 'me', { to: srv, ttl: 64 })
  // scapy: MPLS(label=24000, s=1, ttl=62).
  expect(frames).toEqual(['884705dc013e'])
})

test('tunnels that cannot be are refused with their place', () => {
  const refused = (path: string[], mode: TunnelData['mode'] = 'explicit') => {
    try {
      lab(row(mode, path))
    } catch (e) {
      return (e as TypeError).message
    }
    return 'taken'
  }
  expect(refused(['r1', 'r2', 'r3', 'r2'])).toBe("lab: tunnels[0]: path[3]: 'r2' again: a tunnel has no loop")
  expect(refused(['r1', 'r3', 'r4'])).toBe("lab: tunnels[0]: path[1]: no Ethernet link joins 'r1' and 'r3'")
  expect(refused(['r1', 'r9', 'r4'])).toBe("lab: tunnels[0]: path[1]: there is no node 'r9'")
  expect(refused(['me', 'r0', 'r1'])).toBe("lab: tunnels[0]: path[0]: 'me' is no gateway")
  expect(refused(['r1', 'r2'])).toBe('lab: tunnels[0]: path: an explicit tunnel has 3 nodes or more')
  expect(refused(['r1', 'r2'], 'opaque')).toBe('taken')
  expect(refused(['r1', 'r2', 'r3'], 'seen' as 'opaque')).toBe(
    "lab: tunnels[0]: mode is explicit, implicit, opaque, invisible, not 'seen'",
  )
})
