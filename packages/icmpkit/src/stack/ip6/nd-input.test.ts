import { expect, test } from 'vitest'
import {
  addr,
  type Envelope,
  echo,
  frame,
  left,
  mtu,
  na,
  ns,
  ofType,
  prefix,
  ra,
  redirect,
  redirected,
  rs,
  slla,
  tlla,
} from '../../../../../test/stack/nd-octets.ts'
import { OneNode, port } from '../../../../../test/stack/one-node.ts'
import { hex, unhex } from '../../wire/octets.ts'

const LINK_LOCAL = 'fe80::ff:fe00:1'
const MAC = '0200000000aa'
const OTHER = '0200000000bb'
const NS = 135
const NA = 136
const RA = 134
const REPLY = 129

function started(role: 'host' | 'gateway' = 'host', addresses = ['2001:db8::1/64'], advertise = false): OneNode {
  const n = new OneNode({
    role,
    ip6: { advertise: advertise ? [{ port: 1 }] : [] },
    ports: [port(1, { addresses })],
  })
  n.run(40_000)
  n.taken()
  return n
}

/** Behind an atomic Fragment header (RFC 6946). */
const ATOMIC = { type: 44, octets: '3a00000000000007' }

/** The message of `e` and `body` in two fragments, as a sender would cut it. */
function inTwo(e: Envelope, body: string): Uint8Array[] {
  const whole = frame(e, body)
  const message = whole.subarray(54)
  const cut = 16
  const part = (offset: number, more: number, octets: Uint8Array) => {
    const length = (8 + octets.length).toString(16).padStart(4, '0')
    const word = (offset | more).toString(16).padStart(4, '0')
    return unhex(`${hex(whole, 0, 18)}${length}2cff${hex(whole, 22, 54)}3a00${word}00000099${hex(octets)}`)
  }
  return [part(0, 1, message.subarray(0, cut)), part(cut, 0, message.subarray(cut))]
}

/** What every neighbour discovery message is dropped for, whatever it says (RFC 4861 §6.1, §7.1, §8.1; RFC 6980 §5). */
function faults(e: Envelope, body: string, fixed: number): [string, Uint8Array[]][] {
  const withCode = `${body.slice(0, 2)}01${body.slice(4)}`
  return [
    ['hop limit 254', [frame({ ...e, hop: 254 }, body)]],
    ['hop limit 0', [frame({ ...e, hop: 0 }, body)]],
    ['bad checksum', [frame({ ...e, badChecksum: true }, body)]],
    ['code 1', [frame(e, withCode)]],
    ['too short', [frame(e, body.slice(0, 2 * (fixed - 1)))]],
    ['option of length 0 behind', [frame(e, `${body}fd00000000000000`)]],
    ['option of length 0 in front', [frame(e, `${body.slice(0, 2 * fixed)}fd00000000000000${body.slice(2 * fixed)}`)]],
    ['option that runs past the end', [frame(e, `${body}fd02000000000000`)]],
    ['atomic fragment', [frame({ ...e, extension: ATOMIC }, body)]],
    ['two fragments', inTwo(e, body)],
  ]
}

test('a solicitation that was forwarded, damaged, of another code, short, badly optioned or fragmented draws nothing (RFC 4861 §7.1.1, RFC 6980 §5) [v6-nd-ns-validate-hl] [v6-nd-ns-validate-basic] [v6-nd-ns-nofrag]', () => {
  const e = { from: 'fe80::aa', to: 'ff02::1:ff00:1' }
  const body = ns('2001:db8::1', slla(MAC))
  for (const role of ['host', 'gateway'] as const) {
    for (const [name, frames] of faults(e, body, 24)) {
      const n = started(role)
      for (const f of frames) expect([name, n.give(f)]).toEqual([name, []])
      expect([...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache]).toEqual([])
      // The same node answers the one without a fault.
      expect(ofType(n.give(frame(e, body)), NA)).toHaveLength(1)
    }
  }
})

test('an option of length 0, or one that leaves the message, spoils the whole message, before or behind good ones (RFC 4861 §4.6, §7.1.1) [v6-nd-ns-validate-opt]', () => {
  const n = started()
  const e = { from: 'fe80::aa', to: 'ff02::1:ff00:1' }
  const empty = 'fd00000000000000'
  const long = 'fd09000000000000'
  for (const options of [[empty], [slla(MAC), empty], [empty, slla(MAC)], [slla(MAC), long], [long, slla(MAC)]])
    expect(n.give(frame(e, ns('2001:db8::1', ...options)))).toEqual([])
  expect(n.node.counters.malformed).toMatchObject({ 'bad-length': 3, truncated: 2 })
  expect(ofType(n.give(frame(e, ns('2001:db8::1', slla(MAC), 'fd01000000000000'))), NA)).toHaveLength(1)
})

test('a solicitation for a group draws nothing (RFC 4861 §7.1.1) [v6-nd-ns-validate-target]', () => {
  const n = started()
  for (const target of ['ff02::1', 'ff02::1:ff00:1'])
    expect(n.give(frame({ from: 'fe80::aa', to: 'ff02::1:ff00:1' }, ns(target, slla(MAC))))).toEqual([])
  expect([...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache]).toEqual([])
})

test('a solicitation from nobody is answered only where it went to the solicited-node group, without a link-layer address (RFC 4861 §7.1.1) [v6-nd-ns-validate-unspec]', () => {
  const n = started()
  const from = (to: string, ...options: string[]) => n.give(frame({ from: '::', to }, ns('2001:db8::1', ...options)))
  expect(from('2001:db8::1')).toEqual([])
  expect(from('ff02::1')).toEqual([])
  expect(from('ff02::1:ff00:1', slla(MAC))).toEqual([])
  expect(ofType(from('ff02::1:ff00:1'), NA)).toMatchObject([{ dst: 'ff02::1' }])
})

test('an advertisement with a fault resolves nothing (RFC 4861 §7.1.2) [v6-nd-na-validate]', () => {
  const e = { from: '2001:db8::aa', to: '2001:db8::1' }
  const body = na('2001:db8::aa', 'SO', tlla(MAC))
  const more: [string, Uint8Array[]][] = [
    ['target a group', [frame(e, na('ff02::1:ff00:aa', 'SO', tlla(MAC)))]],
    ['solicited, to a group', [frame({ ...e, to: 'ff02::1' }, body)]],
  ]
  for (const role of ['host', 'gateway'] as const) {
    for (const [name, frames] of [...faults(e, body, 24), ...more]) {
      const n = started(role)
      n.give(frame({ from: '2001:db8::aa', to: '2001:db8::1', hop: 64 }, echo()))
      for (const f of frames) expect([name, ofType(n.give(f), REPLY)]).toEqual([name, []])
      expect([...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache][0]!.state).toBe('incomplete')
      expect(ofType(n.give(frame(e, body)), REPLY)).toMatchObject([{ dstMac: MAC }])
    }
  }
})

test('a host takes no router solicitation, wherever it was sent (RFC 4861 §6.2.6) [v6-nd-rs-host-ignores] [v6-nd-ra-host-never]', () => {
  const n = started()
  for (const to of ['ff02::2', 'ff02::1', '2001:db8::1', LINK_LOCAL])
    expect(n.give(frame({ from: 'fe80::aa', to }, rs(slla(MAC))))).toEqual([])
  expect([...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache]).toEqual([])
  expect(ofType(n.run(3_600_000), RA)).toEqual([])
})

test('a gateway that nothing is configured for advertises nothing (RFC 4861 §6.2.1) [v6-nd-ra-host-never]', () => {
  const n = started('gateway')
  n.give(frame({ from: 'fe80::aa', to: 'ff02::2' }, rs(slla(MAC))))
  expect(ofType(n.run(3_600_000), RA)).toEqual([])
})

test('a router solicitation with a fault is not answered (RFC 4861 §6.1.1) [v6-nd-rs-validate]', () => {
  const e = { from: 'fe80::aa', to: 'ff02::2' }
  const nobody = frame({ from: '::', to: 'ff02::2' }, rs(slla(MAC)))
  for (const [name, frames] of [
    ...faults(e, rs(slla(MAC)), 8),
    ['from nobody, with a link-layer address', [nobody]] as [string, Uint8Array[]],
  ]) {
    const n = started('gateway', ['2001:db8::1/64'], true)
    for (const f of frames) n.give(f)
    expect([name, ofType(n.run(2000), RA)]).toEqual([name, []])
    expect([...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache]).toEqual([])
    n.give(frame({ from: '::', to: 'ff02::2' }, rs()))
    expect(ofType(n.run(2000), RA)).toHaveLength(1)
  }
})

test('a router solicitation makes or changes a stale entry of a host; one from nobody leaves all as it is (RFC 4861 §6.2.6) [v6-nd-rs-cache]', () => {
  const entries = (n: OneNode) =>
    [...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache].map((e) => [hex(e.mac), e.state, e.isRouter])
  const e = { from: 'fe80::aa', to: 'ff02::2' }
  const n = started('gateway')
  n.give(frame({ ...e, from: '::' }, rs()))
  expect(entries(n)).toEqual([])
  n.give(frame(e, rs()))
  expect(entries(n)).toEqual([])
  n.give(frame(e, rs(slla(MAC))))
  expect(entries(n)).toEqual([[MAC, 'stale', false]])
  // Reachable, and said to be a router, until it asks for routers itself.
  n.give(frame({ from: 'fe80::aa', to: LINK_LOCAL }, na('fe80::aa', 'SOR', tlla(MAC))))
  expect(entries(n)).toEqual([[MAC, 'reachable', true]])
  n.give(frame(e, rs(slla(MAC))))
  expect(entries(n)).toEqual([[MAC, 'reachable', false]])
  n.give(frame({ from: 'fe80::aa', to: LINK_LOCAL }, na('fe80::aa', 'SOR', tlla(MAC))))
  n.give(frame(e, rs()))
  expect(entries(n)).toEqual([[MAC, 'reachable', false]])
  n.give(frame(e, rs(slla(OTHER))))
  expect(entries(n)).toEqual([[OTHER, 'stale', false]])
  // Delayed, probed, unresolved: another address makes each of them stale.
  n.give(frame({ ...e, to: LINK_LOCAL, hop: 64 }, echo()))
  expect(entries(n)).toEqual([[OTHER, 'delay', false]])
  n.give(frame(e, rs(slla(OTHER))))
  expect(entries(n)).toEqual([[OTHER, 'delay', false]])
  n.give(frame(e, rs(slla(MAC))))
  expect(entries(n)).toEqual([[MAC, 'stale', false]])
  n.give(frame({ ...e, to: LINK_LOCAL, hop: 64 }, echo()))
  n.run(5500)
  expect(entries(n)).toEqual([[MAC, 'probe', false]])
  n.give(frame(e, rs(slla(MAC))))
  expect(entries(n)).toEqual([[MAC, 'probe', false]])
  n.give(frame(e, rs(slla(OTHER))))
  expect(entries(n)).toEqual([[OTHER, 'stale', false]])
  n.give(frame({ ...e, from: 'fe80::cc', to: LINK_LOCAL, hop: 64 }, echo()))
  n.taken()
  const out = n.give(frame({ ...e, from: 'fe80::cc' }, rs(slla(MAC))))
  expect(ofType(out, REPLY)).toMatchObject([{ dst: 'fe80::cc', dstMac: MAC }])
})

test('an advertisement of a router with a fault makes no default router (RFC 4861 §6.1.2) [v6-nd-ra-validate]', () => {
  const e = { from: 'fe80::aa', to: 'ff02::1' }
  const body = ra({ lifetime: 1800 }, slla(MAC), prefix('2001:db8:5::/64', 'LA', 3600))
  const more: [string, Uint8Array[]][] = [
    ['source of wide scope', [frame({ ...e, from: '2001:db8::aa' }, body)]],
    ['source unspecified', [frame({ ...e, from: '::' }, body)]],
  ]
  const leaves = (n: OneNode) => {
    const out = n.give(frame({ from: '2001:db8:9::9', to: '2001:db8::1', hop: 60 }, echo()))
    n.taken()
    return ofType(out, REPLY).map((l) => l.dstMac)
  }
  for (const [name, frames] of [...faults(e, body, 16), ...more]) {
    const n = started()
    for (const f of frames) n.give(f)
    expect([name, leaves(n)]).toEqual([name, []])
    n.give(frame(e, body))
    expect(leaves(n)).toEqual([MAC])
  }
})

/** A host whose default router is fe80::aa, with fe80::bb beside it, and where an echo from beyond is answered to. */
function redirectable(): { n: OneNode; goesTo: () => string } {
  const n = started()
  n.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, ra({ lifetime: 1800 }, slla(MAC))))
  n.give(frame({ from: 'fe80::aa', to: LINK_LOCAL }, na('fe80::aa', 'SOR', tlla(MAC))))
  n.taken()
  const goesTo = () => {
    const out = n.give(frame({ from: '2001:db8:9::9', to: '2001:db8::1', hop: 60 }, echo()))
    n.taken()
    const reply = ofType(out, REPLY)[0]
    const solicited = ofType(out, NS)[0]
    return reply?.dstMac ?? solicited?.target ?? 'nowhere'
  }
  return { n, goesTo }
}

test('a redirect with a fault redirects nothing (RFC 4861 §8.1) [v6-nd-redirect-validate]', () => {
  const e = { from: 'fe80::aa', to: '2001:db8::1' }
  const body = redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER))
  const more: [string, Uint8Array[]][] = [['source of wide scope', [frame({ ...e, from: '2001:db8::aa' }, body)]]]
  for (const [name, frames] of [...faults(e, body, 40), ...more]) {
    const { n, goesTo } = redirectable()
    for (const f of frames) n.give(f)
    expect([name, goesTo()]).toEqual([name, MAC])
    n.give(frame(e, body))
    expect(goesTo()).toBe(OTHER)
  }
})

test('only the first hop that is in use may redirect (RFC 4861 §8.1) [v6-nd-redirect-firsthop]', () => {
  const { n, goesTo } = redirectable()
  n.give(frame({ from: 'fe80::cc', to: '2001:db8::1' }, redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER))))
  expect(goesTo()).toBe(MAC)
  n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER))))
  expect(goesTo()).toBe(OTHER)
  // Now fe80::bb is the one who may.
  n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('fe80::aa', '2001:db8:9::9', tlla(MAC))))
  expect(goesTo()).toBe(OTHER)
})

test('a redirect of a group, or to a stranger of wide scope, redirects nothing (RFC 4861 §8.1) [v6-nd-redirect-addresses]', () => {
  const { n, goesTo } = redirectable()
  const e = { from: 'fe80::aa', to: '2001:db8::1' }
  for (const body of [
    redirect('fe80::bb', 'ff0e::1', tlla(OTHER)),
    redirect('2001:db8::bb', '2001:db8:9::9', tlla(OTHER)),
  ]) {
    n.give(frame(e, body))
    expect(goesTo()).toBe(MAC)
    expect(n.events.filter((x) => x.kind === 'redirect')).toEqual([])
  }
})

test('a redirect to the destination itself is taken though no prefix holds it: it is on the link (RFC 4861 §8.1, §8.3) [v6-nd-redirect-offprefix] [v6-nd-redirect-onlink]', () => {
  const { n, goesTo } = redirectable()
  n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('2001:db8:9::9', '2001:db8:9::9')))
  expect(goesTo()).toBe('2001:db8:9::9')
  // And a better router is a router.
  const other = redirectable()
  other.n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER))))
  const entries = [...other.n.node.ip6.neighbours.link(other.n.node.ports.get(1)!).cache]
  expect(entries.map((x) => [hex(x.mac), x.isRouter])).toEqual([
    [MAC, true],
    [OTHER, true],
  ])
})

test('a redirect moves all that goes to the destination, and the last one counts (RFC 4861 §8.3) [v6-nd-redirect-apply]', () => {
  const { n, goesTo } = redirectable()
  const by = (from: string, to: string, mac: string) =>
    n.give(frame({ from, to: '2001:db8::1' }, redirect(to, '2001:db8:9::9', tlla(mac))))
  by('fe80::aa', 'fe80::bb', OTHER)
  expect(goesTo()).toBe(OTHER)
  by('fe80::bb', 'fe80::cc', '0200000000cc')
  expect(goesTo()).toBe('0200000000cc')
  expect(n.events.filter((e) => e.kind === 'redirect')).toHaveLength(2)
  // Another destination keeps the default router.
  const out = n.give(frame({ from: '2001:db8:9::8', to: '2001:db8::1', hop: 60 }, echo()))
  expect(ofType(out, REPLY)[0]!.dstMac).toBe(MAC)
  // The next hop fails: back to the router.
  n.run(20_000)
  expect(goesTo()).not.toBe('0200000000cc')
})

test('a redirect to a router that says it is none any more is over, one to the destination itself is not (RFC 4861 §7.3.3)', () => {
  const { n, goesTo } = redirectable()
  const isNoRouter = (from: string) => n.give(frame({ from, to: 'ff02::1', mac: OTHER }, na(from, 'O', tlla(OTHER))))
  n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER))))
  expect(goesTo()).toBe(OTHER)
  isNoRouter('fe80::bb')
  expect(goesTo()).toBe(MAC)
  n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('2001:db8:9::9', '2001:db8:9::9', tlla(OTHER))))
  expect(goesTo()).toBe(OTHER)
  n.give(frame({ from: '2001:db8:9::9', to: 'ff02::1', mac: OTHER }, na('2001:db8:9::9', 'OR', tlla(OTHER))))
  isNoRouter('2001:db8:9::9')
  expect(goesTo()).toBe(OTHER)
})

test('the link-layer address in a redirect makes a stale entry, replaces another, and leaves the state where it is the same (RFC 4861 §8.3) [v6-nd-redirect-tlla]', () => {
  const entry = (n: OneNode) => {
    const [e] = [...n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache].filter(
      (x) => x.address === 0xfe8000000000000000000000000000bbn,
    )
    return e === undefined ? undefined : [hex(e.mac), e.state]
  }
  const told = (n: OneNode, mac: string) =>
    n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('fe80::bb', '2001:db8:9::9', tlla(mac))))
  const states: [string, (n: OneNode) => void][] = [
    ['none', () => {}],
    ['incomplete', (n) => void n.give(frame({ from: 'fe80::bb', to: LINK_LOCAL, hop: 64 }, echo()))],
    [
      'reachable',
      (n) => {
        n.give(frame({ from: 'fe80::bb', to: LINK_LOCAL, hop: 64 }, echo()))
        n.give(frame({ from: 'fe80::bb', to: LINK_LOCAL }, na('fe80::bb', 'SO', tlla(OTHER))))
      },
    ],
    ['delay', (n) => void n.give(frame({ from: 'fe80::bb', to: LINK_LOCAL }, ns(LINK_LOCAL, slla(OTHER))))],
    [
      'probe',
      (n) => {
        n.give(frame({ from: 'fe80::bb', to: LINK_LOCAL }, ns(LINK_LOCAL, slla(OTHER))))
        n.run(5500)
      },
    ],
  ]
  for (const [state, bring] of states) {
    const same = redirectable().n
    bring(same)
    told(same, OTHER)
    const known = state === 'reachable' || state === 'delay' || state === 'probe'
    // The packet that waited for an unresolved one has left, which is what DELAY says.
    const made = state === 'incomplete' ? 'delay' : 'stale'
    expect([state, entry(same)]).toEqual([state, [OTHER, known ? state : made]])
    const replaced = redirectable().n
    bring(replaced)
    told(replaced, '0200000000dd')
    expect([state, entry(replaced)]).toEqual([state, ['0200000000dd', made]])
  }
})

test('a redirect is read by its two options alone, whatever else is in it and however long the packet that it quotes (RFC 4861 §8.1, §4.6.3) [v6-nd-redirect-options]', () => {
  const { n, goesTo } = redirectable()
  const body = redirect(
    'fe80::bb',
    '2001:db8:9::9',
    mtu(1280),
    prefix('2001:db8:77::/64', 'LA', 3600),
    slla('0200000000ee'),
    `fd02${'ff'.repeat(14)}`,
    tlla(OTHER),
    redirected(`${'60'.padEnd(80, '0')}${'ab'.repeat(1200)}`),
  ).replace('8900000000000000', '89000000ffffffff')
  n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, body))
  expect(goesTo()).toBe(OTHER)
  expect(n.node.ip6.linkMtu(n.node.ports.get(1)!)).toBe(1500)
  expect([...n.node.ip6.addresses].some((a) => a.address >> 64n === 0x20010db800770000n)).toBe(false)
  const { n: quoted, goesTo: quotedTo } = redirectable()
  const oversized = redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER), redirected('ab'.repeat(1352)))
  quoted.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, oversized))
  expect(quotedTo()).toBe(OTHER)
})

test('redirects can be switched off (RFC 4890 §4.4.4) [v6-nd-redirect-policy]', () => {
  for (const acceptRedirects of [true, false]) {
    const n = new OneNode({ ip6: { acceptRedirects }, ports: [port(1, { addresses: ['2001:db8::1/64'] })] })
    n.run(10_000)
    n.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, ra({ lifetime: 1800 }, slla(MAC))))
    n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER))))
    const out = n.give(frame({ from: '2001:db8:9::9', to: '2001:db8::1', hop: 60 }, echo()))
    expect(ofType(out, REPLY)[0]!.dstMac).toBe(acceptRedirects ? OTHER : MAC)
  }
})

test('redirects about endless destinations fill a bounded table, and the node goes on', () => {
  const { n, goesTo } = redirectable()
  for (let i = 0; i < 5000; i++) {
    const far = `2001:db8:9:${(i % 7).toString(16)}::${i.toString(16)}`
    n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('fe80::bb', far, tlla(OTHER))))
  }
  expect(goesTo()).toBe(MAC)
  n.give(frame({ from: 'fe80::aa', to: '2001:db8::1' }, redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER))))
  expect(goesTo()).toBe(OTHER)
})

test('a host that knows a better next hop sends no redirect, and a router changes no route by one (RFC 4861 §8.2, §8.3) [v6-nd-redirect-host-send] [v6-nd-redirect-router-recv]', () => {
  const { n } = redirectable()
  const transit = (at: OneNode) => {
    const bytes = frame({ from: '2001:db8::77', to: '2001:db8:9::9', hop: 60, dstMac: '020000000001' }, echo())
    const out = at.give(bytes)
    at.taken()
    return out.map(left)
  }
  expect(transit(n).filter((l) => l.type === 137)).toEqual([])
  const gateway = new OneNode({
    role: 'gateway',
    ports: [port(1, { addresses: ['2001:db8::1/64'] }), port(2, { addresses: ['2001:db8:2::1/64'] })],
    ip6: {
      routes: [
        {
          prefix: BigInt(`0x${addr('2001:db8:9::')}`) as never,
          prefixLength: 48,
          kind: 'unicast',
          nextHop: BigInt(`0x${addr('fe80::aa')}`) as never,
          port: 2,
        },
      ],
    },
  })
  gateway.run(10_000)
  gateway.taken()
  gateway.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, na('fe80::aa', 'OR', tlla(MAC))), { port: 2 })
  expect(transit(gateway)).toMatchObject([{ dstMac: MAC, dst: '2001:db8:9::9' }])
  gateway.give(frame({ from: 'fe80::aa', to: 'fe80::ff:fe00:2' }, redirect('fe80::bb', '2001:db8:9::9', tlla(OTHER))), {
    port: 2,
  })
  expect(transit(gateway)).toMatchObject([{ dstMac: MAC, dst: '2001:db8:9::9' }])
})
