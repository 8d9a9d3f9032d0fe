/** What tools see of a lab over IPv6 where it is not the same test as over IPv4 (lab-tools.test.ts), and between kernels. */
import { beforeEach, describe, expect, test } from 'vitest'
import { fork, kernelFork } from './lab-fork.ts'
import {
  both,
  hops,
  kernelRow,
  kernelWith,
  LONG,
  labWorld,
  PATIENT,
  row,
  rowWith,
  uncrossed,
  unsaid,
  type World,
} from './lab-world.ts'
import { ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const R1 = '2001:db8::2'
const R2 = '2001:db8:0:1::2'
const SRV = '2001:db8:0:2::2'

both(
  'a black hole of long packets lets short ones through, and says nothing of the others',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { blackHole: { above: 1400 } } } }),
  () => kernelWith(2, (w) => w.rules('r1', uncrossed('meta length > 1400 drop;'))),
  async (w) => {
    expect((await w.run('ping', '-6', '-c1', '-W60', '-Mdo', '-s1352', SRV)).text).toMatch(/1 received/)
    expect((await w.run('ping', '-6', '-c1', '-W1', '-Mdo', '-s1353', SRV)).text).toMatch(
      / 0 received, 100% packet loss/,
    )
  },
)

both(
  'a black hole of ICMP hides what is behind it from ping and traceroute, and TCP still gets through',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { blackHole: 'icmp' } } }),
  () => kernelWith(2, (w) => w.rules('r1', uncrossed('meta l4proto ipv6-icmp drop;'))),
  async (w) => {
    expect((await w.run('ping', '-6', '-c1', '-W1', SRV)).text).toMatch(/ 0 received/)
    const trace = await w.run('traceroute', '-6', '-n', '-q1', '-w4', '-m3', SRV)
    expect(hops(trace), trace.text).toEqual([[R1], ['*'], ['*']])
    expect((await w.run('nmap', ...PATIENT, '-6', '-n', '-Pn', '-sS', '-p80', SRV)).text).toMatch(/80\/tcp +closed/)
  },
)

const NOT_ABOUT_NEIGHBOURS =
  'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-reply } drop;'

both(
  'a gateway that says nothing by ICMP still speaks to its neighbours: it is a star, and forwards',
  () => rowWith(2, { r2: { kind: 'gateway', behaviours: { silent: 'icmp' } } }),
  () => kernelWith(2, (w) => w.rules('r2', unsaid(NOT_ABOUT_NEIGHBOURS))),
  async (w) => {
    expect((await w.run('ping', '-6', '-c1', '-W1', R2)).text).toMatch(/ 0 received/)
    expect((await w.run('ping', '-6', '-c1', '-W60', SRV)).text).toMatch(/1 received/)
    const trace = await w.run('traceroute', '-6', '-n', '-q1', '-w4', SRV)
    expect(hops(trace), trace.text).toEqual([[R1], ['*'], [SRV]])
  },
)

both(
  'a middlebox that answers for the dead makes a whole network look alive, one hop nearer',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { echoFor: ['2001:db8:0:2::/64'] } } }),
  () => kernelWith(2, (w) => void w.at('r1', 'ip', '-6', 'route', 'add', 'local', '2001:db8:0:2::/64', 'dev', 'lo')),
  async (w) => {
    const dead = await w.run('ping', '-6', '-c1', '-W60', '2001:db8:0:2::77')
    expect(dead.text).toMatch(/64 bytes from 2001:db8:0:2::77: icmp_seq=1 ttl=64 /)
    expect((await w.run('ping', '-6', '-c1', '-W60', R2)).text).toMatch(/ttl=63 /)
  },
)

both(
  'a prohibited route says so, and a black hole says nothing',
  () =>
    rowWith(2, {
      r1: { kind: 'gateway', routes: { '2001:db8:9::/48': R2 } },
      r2: { kind: 'gateway', routes: { '2001:db8:9:2::/64': 'prohibit', '2001:db8:9:3::/64': 'blackhole' } },
    }),
  () =>
    kernelWith(2, ({ nodes: { me, r1, r2 } }) => {
      const all = { dst: ip('2001:db8:9::'), prefixLength: 48 }
      me!.netlink.addRoute({ ...all, gateway: ip(R1) })
      r1!.netlink.addRoute({ ...all, gateway: ip(R2) })
      r2!.netlink.addRoute({ dst: ip('2001:db8:9:2::'), prefixLength: 64, type: 'prohibit' })
      r2!.netlink.addRoute({ dst: ip('2001:db8:9:3::'), prefixLength: 64, type: 'blackhole' })
    }),
  async (w) => {
    const prohibited = await w.run('ping', '-6', '-c1', '-W60', '2001:db8:9:2::1')
    expect(prohibited.text).toMatch(
      /From 2001:db8:0:1::2 icmp_seq=1 Destination unreachable: Administratively prohibited/,
    )
    expect((await w.run('ping', '-6', '-c1', '-W1', '2001:db8:9:3::1')).text).toMatch(/ 0 received, 100% packet loss/)
  },
)

both(
  'a gateway that limits its errors to six at once and two in five seconds answers six of ten probes',
  () => rowWith(2, { r2: { kind: 'gateway', behaviours: { rateLimit: { rate: 0.4, burst: 6 } } } }),
  // Linux: one in icmp.ratelimit ms, six at once (XRLIM_BURST_FACTOR), by destination; a /64 has four times as many.
  () => kernelWith(2, ({ nodes }) => nodes.r2!.sysctl('ipv6.icmp.ratelimit', 10_000)),
  async (w) => {
    const { text } = await w.run('traceroute', '-6', '-n', '-q10', '-N10', '-f2', '-m2', '-w4', SRV)
    expect(text.match(/ ms/g), text).toHaveLength(6)
    expect(text.match(/\*/g), text).toHaveLength(4)
  },
)

both(
  'a gateway that answers from another of its addresses is that address in the trace',
  () => rowWith(2, { r2: { kind: 'gateway', behaviours: { answerFrom: 'eth1' } } }),
  () =>
    kernelWith(2, (w) => {
      const back = ['2001:db8::/64', 'via', '2001:db8:0:1::1']
      w.at('r2', 'ip', '-6', 'route', 'replace', ...back, 'src', '2001:db8:0:2::1')
    }),
  async (w) => {
    const printed = await w.run('traceroute', '-6', '-n', '-q1', LONG, SRV)
    expect(hops(printed), printed.text).toEqual([[R1], ['2001:db8:0:2::1'], [SRV]])
  },
)

both(
  'a firewall stuck on one identifier lets the first ping through and not the next',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { stuckEcho: {} } } }),
  () => kernelWith(2, (w) => w.rules('r1', uncrossed('icmpv6 type echo-request icmpv6 id != 4711 drop;'))),
  async (w) => {
    const ping = async (id: string, wait = '-w60') =>
      (await w.run('ping', '-6', '-c2', '-i0.2', wait, '-e', id, SRV)).text
    expect(await ping('4711')).toMatch(/2 received/)
    expect(await ping('4712', '-W1')).toMatch(/ 0 received/)
    expect(await ping('4711')).toMatch(/2 received/)
    const trace = await w.run('traceroute', '-6', '-n', '-I', '-q1', '-w4', '-m2', SRV)
    expect(hops(trace), trace.text).toEqual([[R1], ['*']])
  },
)

both(
  'by flow, probes of changing ports go both ways, and echo requests of one identifier one way',
  () => fork('flow'),
  () => kernelFork(),
  async (w) => {
    const target = '2001:db8:0:5::2'
    const way = /2001:db8:0:[12]::2(?= )/g
    const ways = new Set<string>()
    for (const port of ['33434', '43434', '53434']) {
      const { text } = await w.run('traceroute', '-6', '-n', '-q10', '-N10', '-f2', '-m2', '-w2', '-p', port, target)
      for (const a of text.match(way) ?? []) ways.add(a)
    }
    expect([...ways].sort()).toEqual(['2001:db8:0:1::2', '2001:db8:0:2::2'])
    const echo = await w.run('traceroute', '-6', '-n', '-I', '-q10', '-N10', '-f2', '-m2', '-w2', target)
    expect(new Set(echo.text.match(way)).size, echo.text).toBe(1)
  },
)

describe('a link that breaks is told by the gateway before it, and works again when it is mended', () => {
  const sees = async (w: World, turn: (up: boolean) => void) => {
    expect((await w.run('ping', '-6', '-c1', '-W60', SRV)).text).toMatch(/1 received/)
    turn(false)
    expect((await w.run('ping', '-6', '-c1', '-W60', SRV)).text).toMatch(
      /From 2001:db8::2 icmp_seq=1 Destination unreachable: No route/,
    )
    expect((await w.run('traceroute', '-6', '-n', '-q1', LONG, SRV)).text).toMatch(/2001:db8::2 .*!N/)
    turn(true)
    // What a kernel sends before it has noticed the carrier is lost.
    while (!/1 received/.test((await w.run('ping', '-6', '-c1', '-W1', SRV)).text));
  }

  test('in a lab', async () => {
    const w = await labWorld(row(2))
    await sees(w, (up) => w.net.lab.change('r1-r2', { up }))
  })

  test('between kernels', async () => {
    const w = kernelRow(2)
    await sees(w, (up) => {
      const { r1 } = w.nodes
      r1!.netlink.setLink('eth1', { up })
      if (!up) return
      // Linux takes IPv6 addresses off an interface that goes down.
      r1!.address('eth1', 'fe80::1/64')
      r1!.address('eth1', '2001:db8:0:1::1/64')
      w.at('r1', 'ip', '-6', 'route', 'add', '2001:db8:0:2::/64', 'via', R2)
    })
  })
})
