import { execFileSync, spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { readAddress, writeAddressQuery } from '../../packages/icmpkit/src/os/address-message.ts'
import { type Change, isInterfaceName, type NetworkWatch, watchNetwork } from '../../packages/icmpkit/src/os/netlink.ts'
import { MessageWriter } from '../../packages/icmpkit/src/os/netlink-message.ts'
import { NetlinkSocket, Protocol } from '../../packages/icmpkit/src/os/netlink-socket.ts'
import { OsError } from '../../packages/icmpkit/src/os/os-error.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { nobody } from '../nobody.ts'
import { cable, type Host, host, ip, needsRoot, pair } from './testnet.ts'

/** What iproute2 says of the same kernel. */
// biome-ignore lint/suspicious/noExplicitAny: whatever iproute2's JSON holds
function iproute(h: Host, ...args: string[]): any[] {
  const text = execFileSync('ip', ['-n', h.name, '-d', '-j', ...args], { encoding: 'utf8' }).trim()
  return text === '' ? [] : JSON.parse(text)
}

const mac = (octets: Uint8Array | undefined) => octets && hex(octets).match(/../g)?.join(':')

beforeEach(needsRoot)

test('links read as iproute2 reads them', () => {
  const { a } = pair()
  const ours = a.netlink.links().map((l) => ({
    ifindex: l.index,
    ifname: l.name,
    mtu: l.mtu,
    operstate: l.operState === 'lower-layer-down' ? 'LOWERLAYERDOWN' : l.operState.toUpperCase(),
    address: mac(l.address),
    broadcast: mac(l.broadcast),
    up: l.up,
    kind: l.type,
    gen: l.addrGenMode,
    link_type: { 1: 'ether', 772: 'loopback' }[l.hardware],
  }))
  const theirs = iproute(a, 'link', 'show').map((l) => ({
    ifindex: l.ifindex,
    ifname: l.ifname,
    mtu: l.mtu,
    operstate: l.operstate,
    address: l.address,
    broadcast: l.broadcast,
    up: l.flags.includes('UP'),
    kind: l.linkinfo?.info_kind,
    gen: l.inet6_addr_gen_mode,
    link_type: l.link_type,
  }))
  expect(ours).toEqual(theirs)
  expect(ours.map((l) => l.ifname)).toEqual(['lo', 'eth0'])
})

test('addresses read as iproute2 reads them, of all interfaces and of one', () => {
  const { a } = pair()
  const index = a.netlink.index('eth0')
  a.netlink.addAddress({ index, address: ip('10.0.0.1'), prefixLength: 32, peer: ip('10.0.0.2') })
  const ours = a.netlink.addresses().map((x) => [x.index, showIp(x.address), x.prefixLength, x.scope, x.label])
  const theirs = iproute(a, 'addr', 'show').flatMap((l) =>
    l.addr_info.map((x: Record<string, unknown>) => [l.ifindex, x.local, x.prefixlen, x.scope, x.label]),
  )
  expect(ours.toSorted()).toEqual(theirs.toSorted())
  const own = a.netlink.addresses(index)
  expect(own.map((x) => showIp(x.address))).toEqual(['192.0.2.1', '10.0.0.1', '2001:db8::1'])
  expect(own.map((x) => x.peer && showIp(x.peer))).toEqual([undefined, '10.0.0.2', undefined])
  expect(a.netlink.addresses(index, 6)).toHaveLength(1)
  a.netlink.removeAddress({ index, address: ip('192.0.2.1'), prefixLength: 24 })
  expect(iproute(a, '-4', 'addr', 'show', 'dev', 'eth0')[0].addr_info).toHaveLength(1)
})

test('routes of every kind are added, read as iproute2 reads them, and removed', () => {
  const { a } = pair()
  const { netlink } = a
  netlink.addRoute({ dst: ip('203.0.113.0'), prefixLength: 24, gateway: ip('192.0.2.2'), mtu: 1300, hopLimit: 9 })
  netlink.addRoute({ dst: ip('198.51.100.0'), prefixLength: 24, type: 'unreachable' })
  netlink.addRoute({ dst: ip('198.51.101.0'), prefixLength: 24, type: 'prohibit' })
  netlink.addRoute({ dst: ip('198.51.102.0'), prefixLength: 24, type: 'blackhole' })
  netlink.addRoute({ dst: ip('10.9.0.0'), prefixLength: 16, oif: netlink.index('eth0') })
  netlink.addRoute({ dst: ip('0.0.0.0'), prefixLength: 0, gateway: ip('192.0.2.2'), table: 1000 })
  netlink.addRoute({ dst: ip('2001:db8:5::'), prefixLength: 48, gateway: ip('2001:db8::2'), mtu: 1400 })
  netlink.addRoute({ dst: ip('2001:db8:9::'), prefixLength: 48, type: 'unreachable', priority: 77 })
  for (const family of [4, 6] as const) {
    const ours = netlink.routes({ family }).map((r) => ({
      type: r.type,
      dst: `${showIp(r.dst)}/${r.prefixLength}`,
      gateway: r.gateway && showIp(r.gateway),
      table: r.table,
      mtu: r.mtu,
      hopLimit: r.hopLimit,
      priority: r.priority,
    }))
    const tables: Record<string, number> = { local: 255, main: 254 }
    const whole = (dst: string) => (dst.includes('/') ? dst : `${dst}/${family === 4 ? 32 : 128}`)
    const theirs = iproute(a, `-${family}`, 'route', 'show', 'table', 'all').map((r) => ({
      type: r.type ?? 'unicast',
      dst: r.dst === 'default' ? '0.0.0.0/0' : whole(r.dst),
      gateway: r.gateway,
      table: tables[r.table ?? 'main'] ?? Number(r.table),
      mtu: r.metrics?.[0]?.mtu,
      hopLimit: r.metrics?.[0]?.hoplimit,
      priority: r.metric ?? 0,
    }))
    expect(ours).toEqual(theirs)
    expect(ours.length).toBeGreaterThan(6 - family / 2)
  }
  expect(netlink.routes({ table: 1000 }).map((r) => r.prefixLength)).toEqual([0])
  expect(netlink.routes({ table: 1001 })).toEqual([])
  expect(netlink.routes({ family: 4, type: 'blackhole' }).map((r) => showIp(r.dst))).toEqual(['198.51.102.0'])
  netlink.removeRoute({ dst: ip('203.0.113.0'), prefixLength: 24 })
  netlink.removeRoute({ dst: ip('2001:db8:9::'), prefixLength: 48 })
  expect(iproute(a, 'route', 'show', '203.0.113.0/24')).toEqual([])
  expect(iproute(a, '-6', 'route', 'show', '2001:db8:9::/48')).toEqual([])
})

test('a route question is answered with interface, gateway, source and MTU, or with why not', () => {
  const { a } = pair()
  const { netlink } = a
  const oif = netlink.index('eth0')
  netlink.addRoute({ dst: ip('203.0.113.0'), prefixLength: 24, gateway: ip('192.0.2.2'), mtu: 1300 })
  for (const [prefix, type] of [
    ['198.51.100.0', 'unreachable'],
    ['198.51.101.0', 'prohibit'],
    ['198.51.102.0', 'blackhole'],
  ] as const) {
    netlink.addRoute({ dst: ip(prefix), prefixLength: 24, type })
    expect(netlink.route({ dst: ip(prefix) })).toEqual({ kind: 'no-route', why: type })
  }
  for (const type of ['unreachable', 'prohibit', 'blackhole'] as const) {
    netlink.addRoute({ dst: ip('2001:db8:9::'), prefixLength: 48, type, replace: true })
    expect(netlink.route({ dst: ip('2001:db8:9::1') })).toEqual({ kind: 'no-route', why: type })
  }
  expect(netlink.route({ dst: ip('8.8.8.8') })).toEqual({ kind: 'no-route', why: 'no-route' })
  expect(netlink.route({ dst: ip('2001:4860::1') })).toEqual({ kind: 'no-route', why: 'no-route' })
  const far = netlink.route({ dst: ip('203.0.113.9') })
  expect(far).toMatchObject({ oif, mtu: 1300, gateway: ip('192.0.2.2'), prefSrc: ip('192.0.2.1'), type: 'unicast' })
  expect(netlink.route({ dst: ip('2001:db8::2') })).toMatchObject({ oif, prefSrc: ip('2001:db8::1') })
  expect(netlink.route({ dst: ip('127.0.0.1') })).toMatchObject({ type: 'local', oif: 1 })
  expect(() => netlink.route({ dst: ip('192.0.2.2'), oif: 4711 })).toThrow(OsError)
})

test('the forwarding path is asked with the interface that a packet came in by', () => {
  const { a } = pair()
  a.sysctl('ipv4.ip_forward', 1)
  const iif = a.netlink.index('eth0')
  const question = { dst: ip('192.0.2.77'), src: ip('192.0.2.2') }
  expect(a.netlink.route({ ...question, iif })).toMatchObject({ kind: 'route', oif: iif })
})

test('a mark chooses the route where a rule says so', () => {
  const { a } = pair()
  a.netlink.addRoute({ dst: ip('203.0.113.0'), prefixLength: 24, gateway: ip('192.0.2.2'), table: 1000 })
  execFileSync('ip', ['-n', a.name, 'rule', 'add', 'fwmark', '7', 'table', '1000'])
  expect(a.netlink.route({ dst: ip('203.0.113.1') }).kind).toBe('no-route')
  expect(a.netlink.route({ dst: ip('203.0.113.1'), mark: 7 })).toMatchObject({ gateway: ip('192.0.2.2'), table: 1000 })
})

test('neighbours are added, overwritten, read as iproute2 reads them, and removed', () => {
  const { a } = pair()
  const index = a.netlink.index('eth0')
  const one = { index, address: ip('192.0.2.9'), lladdr: unhex('020000000009') }
  a.netlink.addNeighbour(one)
  a.netlink.addNeighbour({ ...one, lladdr: unhex('02000000000a') })
  a.netlink.addNeighbour({ index, address: ip('2001:db8::9'), lladdr: unhex('02000000000b'), router: true })
  // iproute2 leaves out what is multicast and needs no resolution.
  const shown = a.netlink.neighbours(index).filter((n) => n.state !== 'noarp')
  const ours = shown.map((n) => [showIp(n.address), mac(n.lladdr), n.state, n.router])
  const theirs = iproute(a, 'neigh', 'show', 'dev', 'eth0').map((n) => [
    n.dst,
    n.lladdr,
    n.state[0].toLowerCase(),
    'router' in n,
  ])
  expect(ours.toSorted()).toEqual(theirs.toSorted())
  expect(ours).toHaveLength(2)
  expect(mac(a.netlink.neighbour(index, ip('192.0.2.9'))?.lladdr)).toBe('02:00:00:00:00:0a')
  expect(a.netlink.neighbour(index, ip('192.0.2.10'))).toBeUndefined()
  expect(a.netlink.neighbours(1)).toEqual([])
  a.netlink.removeNeighbour(one)
  expect(a.netlink.neighbour(index, ip('192.0.2.9'))).toBeUndefined()
})

test('links change: down, MTU, MAC, name, address generation, into another namespace', () => {
  const a = host('a')
  const b = host('b')
  const { netlink } = a
  netlink.addLink({ type: 'veth', name: 'x0', peer: { name: 'x1' } })
  netlink.setLink('x0', { mtu: 1280, address: unhex('02000000aa01'), addrGenMode: 'random', name: 'y0' })
  expect(netlink.link('x0')).toBeUndefined()
  expect(netlink.link('y0')).toMatchObject({ mtu: 1280, addrGenMode: 'random', up: false, type: 'veth' })
  expect(mac(netlink.link('y0')?.address)).toBe('02:00:00:00:aa:01')
  netlink.setLink('y0', { up: true, arp: false, promiscuous: true })
  expect(netlink.link('y0')).toMatchObject({ up: true, noArp: true, promiscuous: true })
  netlink.setLink('x1', { netns: { fd: b.namespace.fd } })
  expect(netlink.link('x1')).toBeUndefined()
  expect(b.netlink.link('x1')?.type).toBe('veth')
  expect(netlink.link('y0')?.otherNamespace).toBe(true)
  netlink.removeLink('y0')
  expect(b.netlink.link('x1')).toBeUndefined()
})

test('a link that shall make no link-local address makes none, though it is brought up in the same call', async () => {
  const a = host('a')
  a.netlink.addLink({ type: 'veth', name: 'x0', peer: { name: 'x1' } })
  a.netlink.setLink('x0', { addrGenMode: 'none', up: true })
  a.netlink.setLink('x1', { up: true })
  const own = (name: string) => a.netlink.addresses(a.netlink.index(name), 6).map((x) => x.scope)
  // The other one makes its own when the carrier is noticed: then this one would have made one as well.
  while (own('x1').length === 0) await delay(10)
  expect(own('x0')).toEqual([])
  expect(own('x1')).toEqual(['link'])
})

test('a refusal says in the words of the kernel what is wrong', () => {
  const { a } = pair()
  const { netlink } = a
  const thrown = (fn: () => void): OsError => {
    try {
      fn()
    } catch (e) {
      return e as OsError
    }
    throw new Error('nothing was refused')
  }
  const gateway = ip('8.8.8.8')
  const hop = thrown(() => netlink.addRoute({ dst: ip('203.0.113.0'), prefixLength: 24, gateway }))
  expect(hop).toMatchObject({ code: 'ENETUNREACH', door: 'netlink', syscall: 'RTM_NEWROUTE' })
  expect(hop.message).toContain('Nexthop has invalid gateway')
  expect(thrown(() => netlink.setLink('eth0', { mtu: 1 })).message).toContain('mtu less than device minimum')
  expect(thrown(() => netlink.index('none')).message).toContain('There is no interface none')
  expect(thrown(() => netlink.addLink({ type: 'veth', name: 'eth0', peer: { name: 'z' } })).code).toBe('EEXIST')
  expect(() => netlink.addLink({ type: 'dummy', name: 'a/b' })).toThrow(RangeError)
})

test('without rights everything can be read, and a change is refused with the capability it needs', () => {
  const library = new URL('../../packages/icmpkit/src/os/', import.meta.url)
  const script = `
    import { openCapture } from '${library}capture-socket.ts'
    import { openNetlink } from '${library}netlink.ts'
    const netlink = openNetlink()
    console.log(netlink.link('lo').mtu, netlink.routes().length > 0, netlink.addresses().length > 0)
    for (const f of [() => netlink.setLink('lo', { mtu: 1500 }), () => openCapture('lo')])
      try { f() } catch (e) { console.log(e.message) }`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
  const { a } = pair()
  const run = () => spawnSync(process.execPath, args, { encoding: 'utf8', ...nobody() })
  const [read, change, capture] = a.inside(run).stdout.split('\n')
  expect(read).toBe('65536 true true')
  expect(change).toMatch(/EPERM.*CAP_NET_ADMIN/)
  expect(capture).toMatch(/EPERM.*CAP_NET_RAW/)
})

test('an interface name is what the kernel takes for one', () => {
  expect(['eth0', 'a', 'br-1.5', 'ü23456789012345'.slice(0, 14)].filter((n) => !isInterfaceName(n))).toEqual([])
  for (const name of ['', '.', '..', 'a/b', 'a:b', 'a b', 'a\n', '1234567890123456']) {
    expect(isInterfaceName(name), name).toBe(false)
  }
})

test('a thousand routes are read in one dump, each once', () => {
  const { a } = pair()
  const want: string[] = []
  for (let i = 0; i < 1000; i++) {
    const dst = ip(`10.${i >> 8}.${i & 255}.0`)
    a.netlink.addRoute({ dst, prefixLength: 24, gateway: ip('192.0.2.2') })
    want.push(showIp(dst))
  }
  const got = a.netlink.routes({ family: 4, table: 254 }).filter((r) => r.gateway !== undefined)
  expect(got.map((r) => showIp(r.dst))).toEqual(want)
})

/** Dumps a thousand addresses and disturbs each of the first `times` readings. */
function disturbedDump(a: Host, times: number): { addresses: number; restarts: number } {
  const index = a.netlink.index('eth0')
  for (let i = 0; i < 1000; i++) {
    a.netlink.addAddress({ index, address: ip(`10.1.${i >> 8}.${i & 255}`), prefixLength: 32 })
  }
  using socket = a.inside(() => new NetlinkSocket(Protocol.route))
  let addresses = 0
  let restarts = 0
  let disturbed = false
  socket.request(
    // Of all interfaces: of one, this kernel does not say that it was interrupted.
    writeAddressQuery(new MessageWriter(), 0, 4),
    'RTM_GETADDR',
    (r, m) => {
      addresses += readAddress(r, m) ? 1 : 0
      if (disturbed || restarts >= times) return
      disturbed = true
      a.netlink.addAddress({ index, address: ip(`10.2.0.${restarts}`), prefixLength: 32 })
    },
    () => {
      restarts++
      disturbed = false
      addresses = 0
    },
  )
  return { addresses, restarts }
}

test('a dump that a change interrupts is read anew, until it is whole', () => {
  const { a } = pair()
  // 127.0.0.1, 192.0.2.1, a thousand, and the two that disturbed.
  expect(disturbedDump(a, 2)).toEqual({ addresses: 1004, restarts: 2 })
})

test('a table that changes under each reading is an error, not an endless loop', () => {
  const { a } = pair()
  expect(() => disturbedDump(a, Number.POSITIVE_INFINITY)).toThrow(/EAGAIN.*It changed under each of 8 readings/)
})

async function take(watch: NetworkWatch, until: (c: Change) => boolean): Promise<Change[]> {
  const seen: Change[] = []
  for await (const c of watch) {
    seen.push(c)
    if (until(c)) return seen
  }
  throw new Error('the watch ended')
}

test('changes of links, addresses, routes and neighbours are told as they happen', async () => {
  const a = host('a')
  const b = host('b')
  const watch = a.inside(() => watchNetwork(['link', 'address', 'route', 'neighbour']))
  const happened = take(watch, (c) => c.kind === 'removed' && c.what.kind === 'link' && c.what.name === 'eth0')
  await delay(20)
  cable(a, b)
  const index = a.netlink.index('eth0')
  a.address('eth0', '192.0.2.1/24')
  a.netlink.addRoute({ dst: ip('203.0.113.0'), prefixLength: 24, gateway: ip('192.0.2.2') })
  a.netlink.addNeighbour({ index, address: ip('192.0.2.2'), lladdr: unhex('020000000002') })
  a.netlink.removeNeighbour({ index, address: ip('192.0.2.2') })
  a.netlink.removeLink('eth0')
  const seen = await happened
  const told = seen.map((c) => (c.kind === 'lost' ? c.kind : `${c.what.kind} ${c.kind}`))
  for (const what of ['link', 'address', 'route', 'neighbour']) expect(told).toContain(`${what} changed`)
  expect(told).toContain('neighbour removed')
  expect(told).toContain('address removed')
  expect(told).not.toContain('lost')
})

test('a reader that falls behind is told that changes are lost, and goes on', async () => {
  const { a } = pair()
  const watch = a.inside(() => watchNetwork(['route']))
  const route = { dst: ip('10.0.0.0'), prefixLength: 8, gateway: ip('192.0.2.2') }
  for (let i = 0; i < 5000; i++) {
    a.netlink.addRoute(route)
    a.netlink.removeRoute(route)
  }
  expect((await watch.next()).value).toEqual({ kind: 'lost' })
  // The kernel tells nothing more until what it kept has been read; from then on changes come again.
  const marker = { ...route, dst: ip('172.16.0.0'), prefixLength: 12 }
  let found = false
  const reading = take(watch, (c) => c.kind !== 'lost' && c.what.kind === 'route' && c.what.dst === marker.dst)
  reading.then(() => {
    found = true
  })
  while (!found) {
    a.netlink.addRoute(marker)
    a.netlink.removeRoute(marker)
    await delay(10)
  }
  expect((await reading).length).toBeLessThan(9000)
})

test('a watch ends by its signal while it waits, and when nobody ever read it', async () => {
  const a = host('a')
  const stop = new AbortController()
  const watch = a.inside(() => watchNetwork(['link'], stop.signal))
  const waiting = watch.next()
  await delay(20)
  stop.abort()
  expect(await waiting).toEqual({ done: true, value: undefined })
  await a.inside(() => watchNetwork(['link'])).return()
  const late = a.inside(() => watchNetwork(['link'], AbortSignal.abort()))
  expect((await late.next()).done).toBe(true)
})
