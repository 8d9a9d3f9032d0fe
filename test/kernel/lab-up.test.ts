/** `labUp`: a lab in real time, and how the kernel becomes one of its nodes and is given back. Tools: lab-tools.test.ts. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { type LabConfig, labUp, ping } from '../../packages/icmpkit/src/index.ts'
import { inNamespace, openNetlink } from '../../packages/icmpkit/src/os/index.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { nobody } from '../nobody.ts'
import { labWorld, row } from './lab-world.ts'
import { until } from './port-machine.ts'
import { host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const inNetns = <T>(name: string, work: (netlink: ReturnType<typeof openNetlink>) => T): T =>
  inNamespace(name, () => {
    using netlink = openNetlink()
    return work(netlink)
  })

test('the kernel has the addresses, the MAC, the MTU and the routes of the node that it is', async () => {
  const { ready } = await labWorld(row(1, { 0: { mtu: 1400 } }))
  expect(ready).toMatchObject({
    node: 'me',
    ownNamespace: true,
    interfaces: [{ name: 'lab0', door: 'tap', link: 'me-r1', mac: '02:00:00:00:00:01', mtu: 1400 }],
    hosts: [{ node: 'srv', address: '10.0.1.2' }],
    notes: [],
  })
  inNetns(ready.netns!, (netlink) => {
    const link = netlink.link('lab0')!
    expect(link).toMatchObject({ up: true, mtu: 1400 })
    expect(netlink.addresses(link.index).map((a) => `${showIp(a.address)}/${a.prefixLength}`)).toEqual([
      '10.0.0.1/24',
      '2001:db8::1/64',
      'fe80::ff:fe00:1/64',
    ])
    expect(netlink.route({ dst: ip('192.0.2.1') })).toMatchObject({ kind: 'route', gateway: ip('10.0.0.2') })
    expect(netlink.route({ dst: ip('2001:db8:7::1') })).toMatchObject({ gateway: ip('fe80::ff:fe00:2') })
  })
})

test('a namespace of its own is there while it is up and gone afterwards, with its names', async () => {
  const name = `ik-${process.pid}-own`
  const net = labUp(row(1), { netns: name })
  const { netns } = await net.ready
  expect(netns).toBe(name)
  expect(existsSync(`/run/netns/${name}`)).toBe(true)
  expect(readFileSync(`/etc/netns/${name}/hosts`, 'utf8')).toMatch(/^10\.0\.1\.2 srv$/m)
  net.stop()
  const summary = await net.done
  expect(summary.kind).toBe('summary')
  expect(existsSync(`/run/netns/${name}`)).toBe(false)
  expect(existsSync(`/etc/netns/${name}`)).toBe(false)
  expect(existsSync(`/run/icmpkit/namespace-${name}.json`)).toBe(false)
})

test('without a name it takes the first of lab0, lab1 … that is free', async () => {
  const taken = readdirSync('/run/netns')
  const first = labUp(row(1))
  onTestFinished(() => first[Symbol.asyncDispose]())
  const one = await first.ready
  expect(one.netns).toMatch(/^lab\d+$/)
  expect(taken).not.toContain(one.netns)
  const second = labUp(row(1))
  onTestFinished(() => second[Symbol.asyncDispose]())
  const two = await second.ready
  expect(two.netns).toMatch(/^lab\d+$/)
  expect(two.netns).not.toBe(one.netns)
})

test('what a killed lab left is removed when the next one starts, and nothing of a living one', async () => {
  const living = await labWorld(row(1))
  const name = `ik-${process.pid}-orphan`
  const library = new URL('../../packages/icmpkit/src/index.ts', import.meta.url)
  const script = `
    import { labUp } from '${library}'
    const net = labUp(${JSON.stringify(row(1))}, { netns: '${name}' })
    await net.ready
    process.kill(process.pid, 'SIGKILL')
    await net.done`
  const args = [
    '--conditions=@icmpkit/source',
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '-e',
    script,
  ]
  expect(spawnSync(process.execPath, args).signal).toBe('SIGKILL')
  expect(existsSync(`/run/netns/${name}`), 'it was there').toBe(true)
  inNetns(name, (netlink) => expect(netlink.links().map((l) => l.name)).toEqual(['lo']))
  await labWorld(row(1))
  expect(existsSync(`/run/netns/${name}`)).toBe(false)
  expect(existsSync(`/etc/netns/${name}`)).toBe(false)
  expect((await living.run('ping', '-c1', 'srv')).code).toBe(0)
})

test('a namespace that was there is used, gets routes to the lab alone, and is left as it was', async () => {
  const h = host('here')
  const net = labUp(row(2), { netns: h.name, tun: 'wire3' })
  const ready = await net.ready
  expect(ready).toMatchObject({ netns: h.name, ownNamespace: false, interfaces: [{ name: 'wire3' }] })
  expect(ready.routes.map((r) => r.prefix)).toEqual([
    '10.0.1.0/24',
    '2001:db8:0:1::/64',
    '10.0.2.0/24',
    '2001:db8:0:2::/64',
  ])
  expect(h.netlink.route({ dst: ip('10.0.2.2') })).toMatchObject({ kind: 'route', gateway: ip('10.0.0.2') })
  expect(h.netlink.route({ dst: ip('192.0.2.1') }).kind).toBe('no-route')
  net.stop()
  await net.done
  expect(h.netlink.links().map((l) => l.name)).toEqual(['lo'])
  expect(h.netlink.routes({ family: 4, type: 'unicast' })).toEqual([])
  expect(existsSync(`/run/netns/${h.name}`)).toBe(true)
})

test('`here` is the namespace of the process', async () => {
  const h = host('here')
  const net = h.inside(() => labUp(row(1), { netns: h.name }))
  onTestFinished(() => net[Symbol.asyncDispose]())
  await net.ready
  const library = new URL('../../packages/icmpkit/src/index.ts', import.meta.url)
  const config: LabConfig = {
    nodes: { you: 'host', gw: 'gateway', far: 'host' },
    links: [
      ['you', 'gw', { addresses: { you: ['172.16.0.1/24'], gw: ['172.16.0.2/24'] } }],
      ['gw', 'far', { addresses: { gw: ['172.16.1.1/24'], far: ['172.16.1.2/24'] } }],
    ],
  }
  const script = `
    import { labUp } from '${library}'
    import { execFile } from 'node:child_process'
    await using net = labUp(${JSON.stringify(config)}, { here: true, tun: 'near0' })
    const { netns } = await net.ready
    const ping = await new Promise((r) => execFile('ping', ['-c1', '172.16.1.2'], (e, out) => r(out)))
    console.log(JSON.stringify({ netns, ping }))`
  const args = [
    '--conditions=@icmpkit/source',
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '-e',
    script,
  ]
  const { stdout, stderr } = h.inside(() => spawnSync(process.execPath, args, { encoding: 'utf8' }))
  expect(stderr).toBe('')
  const { netns, ping } = JSON.parse(stdout)
  expect(netns).toBeNull()
  expect(ping).toMatch(/1 received/)
  expect(h.netlink.links().map((l) => l.name)).not.toContain('near0')
})

test('a route that stands in the way is named, and nothing is left behind', async () => {
  const h = host('here')
  h.netlink.addRoute({ dst: ip('10.0.2.0'), prefixLength: 24, type: 'blackhole' })
  const net = labUp(row(2), { netns: h.name })
  await expect(net.ready).rejects.toThrow(/EEXIST.*a route to 10\.0\.2\.0\/24 already/)
  await expect(net.done).rejects.toThrow(/EEXIST/)
  expect(h.netlink.links().map((l) => l.name)).toEqual(['lo'])
})

test('at a gateway the kernel is a host of its own that is joined to it', async () => {
  const { ready, run } = await labWorld(row(2), { at: 'r2' })
  expect(ready).toMatchObject({
    node: 'kernel',
    interfaces: [{ link: 'kernel-r2', addresses: ['fe80::ff:fe00:7/64', '10.0.3.1/24', '2001:db8:0:3::1/64'] }],
  })
  expect((await run('ping', '-c1', '-t2', '10.0.0.1')).text).toMatch(/Time to live exceeded|Time exceeded/)
  expect((await run('ping', '-c1', '-t3', '10.0.0.1')).text).toMatch(/1 received/)
})

test('a host on two links is the kernel with two interfaces', async () => {
  const config: LabConfig = {
    nodes: { a: 'gateway', b: 'gateway', me: 'host' },
    links: [
      ['me', 'a'],
      ['me', 'b', { medium: 'ip' }],
    ],
  }
  const { ready, run } = await labWorld(config, { tun: 'east7' })
  expect(ready.interfaces.map((i) => [i.name, i.door, i.link])).toEqual([
    ['east7', 'tap', 'me-a'],
    ['east8', 'tun', 'me-b'],
  ])
  expect((await run('ping', '-c1', '10.0.0.2')).text).toMatch(/1 received/)
  expect((await run('ping', '-c1', '10.0.1.2')).text).toMatch(/1 received/)
  expect((await run('ping', '-c1', '2001:db8:0:1::2')).text).toMatch(/1 received/)
})

test('time passes as outside: what takes 80 ms there takes that here, in the order of the moments', async () => {
  const { net, run } = await labWorld(row(1, { 1: { delay: 40 } }))
  const times: number[] = []
  for (const l of net.lab.links) net.lab.tap(l.name, (p) => times.push(p.time))
  const { text } = await run('ping', '-w60', '-c5', '-i0.1', '10.0.1.2')
  const rtts = [...text.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]))
  expect(rtts).toHaveLength(5)
  for (const rtt of rtts) expect(rtt).toBeGreaterThanOrEqual(80)
  expect(times.length).toBeGreaterThanOrEqual(20)
  expect(times).toEqual([...times].sort((a, b) => a - b))
})

test('it wakes when something is due in the lab, and otherwise sleeps', async () => {
  const { net } = await labWorld(row(1))
  // What the nodes say at their start (they join groups) is over.
  await new Promise((r) => setTimeout(r, 3000))
  let steps = 0
  const run = net.lab.run.bind(net.lab)
  net.lab.run = (until) => {
    steps++
    run(until)
  }
  const happened: number[] = []
  const from = net.lab.now
  for (const ms of [200, 400, 600]) net.lab.at(from + 500 + ms, () => happened.push(net.lab.now - from))
  await new Promise((r) => setTimeout(r, 2000))
  await until(() => happened.length === 3)
  expect(happened.map((t) => Math.round(t))).toEqual([700, 900, 1100])
  expect(steps).toBeLessThan(30)
  // A quiet lab has not moved since; whoever asks has the present.
  await new Promise((r) => setTimeout(r, 500))
  expect(Number(net.snapshot().time) * 1000).toBeGreaterThanOrEqual(from + 2490)
})

test('a link that goes down is a cable that is out: the kernel sees its carrier go and come', async () => {
  const { net, ready } = await labWorld(row(1))
  // The kernel works out on a thread of its own whether an interface runs.
  const carrier = () => inNetns(ready.netns!, (netlink) => netlink.link('lab0')!.running)
  await until(carrier)
  net.lab.change('me-r1', { up: false })
  await until(() => !carrier())
  net.lab.change('me-r1', { up: true })
  await until(carrier)
})

test('a link that goes down at its moment and comes up at another is told', async () => {
  const { net } = await labWorld({
    ...row(1),
    at: [
      { time: 100, down: ['me', 'r1'] },
      { time: 200, up: ['me', 'r1'] },
    ],
  })
  const seen: string[] = []
  for await (const e of net) {
    if (e.kind !== 'change') continue
    seen.push(`${e.what} ${e.link}`)
    if (e.what === 'up') break
  }
  expect(seen).toEqual(['down me-r1', 'up me-r1'])
})

test('its events are ready, what happens, and the summary, which counts both ways', async () => {
  const config: LabConfig = { ...row(1, { 1: { loss: 1 } }), at: [{ time: 10, change: ['r1-srv', { mtu: 1400 }] }] }
  const net = labUp(config, { netns: `ik-${process.pid}-events` })
  const kinds: string[] = []
  let fates = ''
  for await (const e of net) {
    kinds.push(e.kind)
    if (e.kind === 'ready') pingOn(e.netns!)
    if (e.kind === 'packet') fates += e.fate
    const all = fates.includes('lost') && kinds.includes('change') && kinds.includes('state')
    if (all && net.snapshot().fromKernel.packets >= 2) net.stop()
  }
  const summary = await net.done
  expect(kinds[0]).toBe('ready')
  expect(kinds.at(-1)).toBe('summary')
  expect(kinds).toContain('change')
  expect(kinds).toContain('state')
  expect(fates).toContain('lost')
  expect(summary.fromKernel.packets).toBeGreaterThanOrEqual(2)
  expect(summary.links['r1-srv']?.lost).toBeGreaterThanOrEqual(1)
  expect(summary.links['r1-srv']?.carried).toBeUndefined()
})

test('what the file asks is asked in real time, also of the kernel; what the kernel would ask is left out in so many words', async () => {
  const config = {
    ...row(1, { 1: { delay: 20 } }),
    ask: [
      { from: 'srv', to: 'me', count: 2, interval: 100, timeout: 30_000 },
      { from: 'me', to: 'srv' },
      { from: 'srv', to: 'me', kind: 'udp', count: 1, at: 200, timeout: 30_000 },
      { from: 'srv', to: 'me', kind: 'trace', count: 1, at: 300, timeout: 30_000 },
    ],
  } as const
  const net = labUp(config, { netns: `ik-${process.pid}-asks` })
  onTestFinished(() => net[Symbol.asyncDispose]())
  const { notes } = await net.ready
  expect(notes).toEqual(['left out, since me is this machine, which asks for itself: ask[1] (ping srv)'])
  const told: string[] = []
  for await (const e of net) {
    if (e.kind === 'reply' || e.kind === 'error') told.push(`${e.ask} ${e.kind} ${e.seq} ${e.by}`)
    if (e.kind === 'reply') expect(e.rttNs).toBeGreaterThanOrEqual(40e6)
    if (e.kind === 'error') expect(e.name).toBe('Port Unreachable')
    if (e.kind === 'hop') told.push(`${e.ask} hop ${e.answers.map((a) => a.by)}`)
    if (told.length === 5) break
  }
  expect(told.toSorted()).toEqual(['0 reply 1 me', '0 reply 2 me', '2 error 1 me', '3 hop me', '3 hop r1'])
  const { asks } = await net.done
  expect(asks.map((a) => [a.from, a.what, a.sent, a.received, a.errors])).toEqual([
    ['srv', 'ping', 2, 2, 0],
    ['srv', 'udp', 1, 0, 1],
    ['srv', 'trace', 2, 1, 0],
  ])
})

test('who does not read its events costs bounded memory: the newest are dropped, and the summary says how many', async () => {
  // Neighbours known, each question and its answer are four events.
  const ask = [{ from: 'srv', to: 'r1', count: 20_000, interval: 0.1, timeout: 60_000 }] as const
  const net = labUp({ ...row(1), ask }, { netns: `ik-${process.pid}-unread`, packets: 'all' })
  onTestFinished(() => net[Symbol.asyncDispose]())
  const events = net[Symbol.asyncIterator]()
  expect((await events.next()).value.kind).toBe('ready')
  while (net.snapshot().asks[0]!.received < 20_000) await new Promise((r) => setTimeout(r, 50))
  net.stop()
  const { droppedEvents } = await net.done
  let kept = 0
  let last = ''
  for (let e = await events.next(); !e.done; e = await events.next()) {
    kept++
    last = e.value.kind
  }
  expect(last).toBe('summary')
  expect(kept).toBeLessThanOrEqual(65_536 + 1)
  expect(droppedEvents).toBeGreaterThan(0)
  expect(kept + droppedEvents).toBeGreaterThan(80_000)
})

/** Until the test ends. */
function pingOn(netns: string): void {
  const ping = spawn('ip', ['netns', 'exec', netns, 'ping', '-i0.2', '10.0.1.2'], { stdio: 'ignore' })
  onTestFinished(() => void ping.kill('SIGKILL'))
}

test('what cannot be is refused with a reason, before anything is made', async () => {
  expect(() => labUp(row(1), { at: 'nobody' })).toThrow(/there is no node 'nobody'/)
  expect(() => labUp({ nodes: {}, links: [] })).toThrow(/there is no node/)
  await expect(labUp(row(1), { netns: 'no/slash' }).ready).rejects.toThrow(RangeError)
  await expect(labUp(row(1), { netns: '999999999' }).ready).rejects.toThrow(/There is no process/)
  const name = `ik-${process.pid}-refused`
  await expect(labUp(row(1), { netns: name, tun: 'sixteen-octets-x' }).ready).rejects.toThrow(RangeError)
  expect(readdirSync('/run/netns')).not.toContain(name)
})

test('without rights the refusal names them', () => {
  const library = new URL('../../packages/icmpkit/src/index.ts', import.meta.url)
  const script = `import { labUp } from '${library}'; try { await labUp(${JSON.stringify(row(1))}).done } catch (e) { console.log(e.message) }`
  const args = [
    '--conditions=@icmpkit/source',
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '-e',
    script,
  ]
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', ...nobody() })
  expect(stdout).toMatch(/CAP_SYS_ADMIN: run as root/)
})

test('an interface that somebody deletes ends the lab with a reason, and its namespace goes with it', async () => {
  const name = `ik-${process.pid}-deleted`
  const net = labUp(row(1), { netns: name })
  await net.ready
  inNetns(name, (netlink) => netlink.removeLink('lab0'))
  await expect(net.done).rejects.toThrow(/ENODEV.*The interface is gone/)
  expect(existsSync(`/run/netns/${name}`)).toBe(false)
})

test('a flood crosses three gateways and comes back whole', async () => {
  const { net, ready, run } = await labWorld(row(3))
  // One at least, so that all neighbours are known: who waits for one has room for a few packets.
  expect((await run('ping', '-c1', '10.0.3.2')).text).toMatch(/1 received/)
  // Not by ping -f, which ends twice its longest round trip after the last packet.
  const flood = { netns: ready.netns!, count: 3000, interval: 0, timeout: 60_000 }
  expect(await ping('10.0.3.2', flood).done).toMatchObject({ sent: 3000, received: 3000, late: 0 })
  expect(net.snapshot().toKernel).toMatchObject({ dropped: 0 })
})
