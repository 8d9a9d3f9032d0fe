/**
 * What ping, traceroute, tracepath, mtr and nmap see of a lab's networks, and that they see the same of the kernel's where
 * the kernel can do it: each expectation is written once and holds in both worlds. Delay, loss and their like, MPLS and
 * faults of time the kernel has not got here: those stand in lab-tools-alone.test.ts.
 */
import { beforeEach, describe, expect, test } from 'vitest'
import type { LabConfig } from '../../packages/icmpkit/src/index.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import { fork, kernelFork } from './lab-fork.ts'
import {
  both,
  hops,
  type KernelWorld,
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
import { cable, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

both(
  'over three gateways each is a hop, by UDP, ICMP and TCP, and the host answers',
  () => row(3),
  () => kernelRow(3),
  async (w) => {
    const path = ['10.0.0.2', '10.0.1.2', '10.0.2.2', '10.0.3.2']
    for (const how of [[], ['-I'], ['-T', '-p', '80']]) {
      const printed = await w.run('traceroute', '-n', '-q1', LONG, ...how, '10.0.3.2')
      expect(hops(printed), printed.text).toEqual(path.map((a) => [a]))
    }
    const path6 = ['2001:db8::2', '2001:db8:0:1::2', '2001:db8:0:2::2', '2001:db8:0:3::2']
    const printed = await w.run('traceroute', '-6', '-n', '-q1', LONG, path6[3]!)
    expect(hops(printed), printed.text).toEqual(path6.map((a) => [a]))
    expect((await w.run('ping', '-c1', '10.0.3.2')).text).toMatch(/64 bytes from 10\.0\.3\.2: icmp_seq=1 ttl=61 /)
    expect((await w.run('ping', '-c1', '-t2', '10.0.3.2')).text).toMatch(/From 10\.0\.1\.2 .*Time to live exceeded/)
    expect((await w.run('ping', '-c1', '-t2', path6[3]!)).text).toMatch(/From 2001:db8:0:1::2 .*Time exceeded: Hop/)
    const report = await w.run('mtr', '-n', '-r', '-G8', '-c2', '-i0.2', '10.0.3.2')
    for (const [i, a] of path.entries()) expect(report.text).toMatch(new RegExp(`${i + 1}\\.\\|-- ${a} +0\\.0%`))
  },
)

both(
  'tracepath finds each hop and the MTU of a narrow link in the middle, of both families',
  () => row(3, { 1: { mtu: 1400 } }),
  () => kernelRow(3, { 1: 1400 }),
  async (w) => {
    for (const [target, r1] of [
      ['10.0.3.2', '10.0.0.2'],
      ['2001:db8:0:3::2', '2001:db8::2'],
    ] as const) {
      const { text } = await w.run('tracepath', '-n', target)
      expect(text).toMatch(new RegExp(`2: +${r1} .*pmtu 1400`))
      expect(text).toMatch(new RegExp(`4: +${target} .*reached`))
      expect(text).toMatch(/Resume: pmtu 1400 hops 4 back 4/)
    }
  },
)

both(
  'what is too long for a link and must not be cut is told so, with the MTU',
  () => row(2, { 1: { mtu: 1400 } }),
  () => kernelRow(2, { 1: 1400 }),
  async (w) => {
    const four = await w.run('ping', '-c1', '-Mdo', '-s1400', '10.0.2.2')
    expect(four.text).toMatch(/From 10\.0\.0\.2 icmp_seq=1 Frag needed and DF set \(mtu = 1400\)/)
    const six = await w.run('ping', '-c1', '-Mdo', '-s1400', '2001:db8:0:2::2')
    expect(six.text).toMatch(/From 2001:db8::2 icmp_seq=1 Packet too big: mtu=1400/)
    expect((await w.run('ping', '-c1', '-Mdont', '-s1400', '10.0.2.2')).text).toMatch(/1 received/)
  },
)

both(
  'nmap finds closed ports and protocols by the errors that tell of them',
  () => row(2),
  () => kernelRow(2),
  async (w) => {
    expect((await w.run('nmap', ...PATIENT, '-n', '-sn', '10.0.2.2')).text).toMatch(/1 host up/)
    expect((await w.run('nmap', ...PATIENT, '-n', '-sn', '-PP', '10.0.2.2')).text).toMatch(/1 host up/)
    expect((await w.run('nmap', ...PATIENT, '-n', '-Pn', '-sU', '-p53', '10.0.2.2')).text).toMatch(/53\/udp +closed/)
    expect((await w.run('nmap', ...PATIENT, '-n', '-Pn', '-sS', '-p80', '10.0.2.2')).text).toMatch(/80\/tcp +closed/)
    const protocols = await w.run('nmap', ...PATIENT, '-n', '-Pn', '-sO', '-p1,89', '10.0.2.2')
    expect(protocols.text).toMatch(/^1 +open +icmp/m)
    expect(protocols.text).toMatch(/^89 +closed +ospfigp/m)
  },
)

both(
  'whoever is not there is unreachable, says the last gateway',
  () => row(2),
  () => kernelRow(2),
  async (w) => {
    const { text } = await w.run('ping', '-c1', '-W60', '10.0.2.77')
    expect(text).toMatch(/From 10\.0\.1\.2 icmp_seq=1 Destination Host Unreachable/)
    const six = await w.run('ping', '-c1', '-W60', '2001:db8:0:2::77')
    expect(six.text).toMatch(/From 2001:db8:0:1::2 icmp_seq=1 Destination unreachable: Address unreachable/)
  },
)

both(
  'routes that lead nowhere say so, each in its own words, and a black hole says nothing',
  () =>
    rowWith(2, {
      r1: { kind: 'gateway', routes: { '10.9.0.0/16': '10.0.1.2' } },
      r2: {
        kind: 'gateway',
        routes: { '10.9.1.0/24': 'unreachable', '10.9.2.0/24': 'prohibit', '10.9.3.0/24': 'blackhole' },
      },
    }),
  () =>
    kernelWith(2, ({ nodes }) => {
      const to = (text: string) => ({ dst: ip(text), prefixLength: text === '10.9.0.0' ? 16 : 24 })
      nodes.me!.netlink.addRoute({ ...to('10.9.0.0'), gateway: ip('10.0.0.2') })
      nodes.r1!.netlink.addRoute({ ...to('10.9.0.0'), gateway: ip('10.0.1.2') })
      nodes.r2!.netlink.addRoute({ ...to('10.9.1.0'), type: 'unreachable' })
      nodes.r2!.netlink.addRoute({ ...to('10.9.2.0'), type: 'prohibit' })
      nodes.r2!.netlink.addRoute({ ...to('10.9.3.0'), type: 'blackhole' })
    }),
  async (w) => {
    const ping = async (a: string, wait = '-W60') => (await w.run('ping', '-c1', wait, a)).text
    expect(await ping('10.9.1.1')).toMatch(/From 10\.0\.1\.2 icmp_seq=1 Destination Host Unreachable/)
    expect(await ping('10.9.2.1')).toMatch(/From 10\.0\.1\.2 icmp_seq=1 Packet filtered/)
    expect(await ping('10.9.3.1', '-W1')).toMatch(/0 received, 100% packet loss/)
    const trace = (await w.run('traceroute', '-n', '-q1', LONG, '10.9.2.1')).text
    expect(trace).toMatch(/^ 2 {2}10\.0\.1\.2 .*!X$/m)
  },
)

both(
  'a gateway that tells nobody of ended TTLs is a star in the trace, and forwards all the same',
  () => rowWith(3, { r2: { kind: 'gateway', behaviours: { silent: 'time-exceeded' } } }),
  () => kernelWith(3, (w) => w.rules('r2', unsaid('icmp type time-exceeded drop; icmpv6 type time-exceeded drop;'))),
  async (w) => {
    const four = await w.run('traceroute', '-n', '-q2', '-w4', '10.0.3.2')
    expect(hops(four), four.text).toEqual([['10.0.0.2'], ['*', '*'], ['10.0.2.2'], ['10.0.3.2']])
    const six = await w.run('traceroute', '-6', '-n', '-q1', '-w4', '2001:db8:0:3::2')
    expect(hops(six).map(([a]) => a)).toEqual(['2001:db8::2', '*', '2001:db8:0:2::2', '2001:db8:0:3::2'])
    expect((await w.run('ping', '-c1', '10.0.1.2')).text, 'it still answers').toMatch(/1 received/)
  },
)

both(
  'a gateway that says nothing by ICMP does not answer echo either',
  () => rowWith(2, { r2: { kind: 'gateway', behaviours: { silent: 'icmp' } } }),
  () => kernelWith(2, (w) => w.rules('r2', unsaid('meta l4proto icmp drop;'))),
  async (w) => {
    expect((await w.run('ping', '-c1', '-W1', '10.0.1.2')).text).toMatch(/0 received/)
    expect((await w.run('ping', '-c1', '-W60', '10.0.2.2')).text).toMatch(/1 received/)
    expect(hops(await w.run('traceroute', '-n', '-q1', '-w4', '10.0.2.2'))).toEqual([['10.0.0.2'], ['*'], ['10.0.2.2']])
  },
)

both(
  'a gateway that limits its errors to six at once and one in ten seconds answers six of ten probes',
  () => rowWith(2, { r2: { kind: 'gateway', behaviours: { rateLimit: { rate: 0.1, burst: 6 } } } }),
  // Linux: one in icmp_ratelimit ms, six at once (XRLIM_BURST_FACTOR), by destination.
  () =>
    kernelWith(2, ({ nodes: { r2 } }) => {
      r2!.sysctl('ipv4.icmp_ratemask', 1 << icmp4.Type.timeExceeded)
      r2!.sysctl('ipv4.icmp_ratelimit', 10_000)
    }),
  async (w) => {
    const { text } = await w.run('traceroute', '-n', '-q10', '-N10', '-f2', '-m2', '-w4', '10.0.2.2')
    expect(text.match(/ ms/g)).toHaveLength(6)
    expect(text.match(/\*/g)).toHaveLength(4)
  },
)

both(
  'a gateway that answers from another of its addresses is that address in the trace',
  () => rowWith(3, { r2: { kind: 'gateway', behaviours: { answerFrom: 'eth1' } } }),
  () =>
    kernelWith(3, ({ nodes: { r2 } }) => {
      const back = { dst: ip('10.0.0.0'), prefixLength: 24, gateway: ip('10.0.1.1') }
      r2!.netlink.removeRoute(back)
      r2!.netlink.addRoute({ ...back, prefSrc: ip('10.0.2.1') })
    }),
  async (w) => {
    const printed = await w.run('traceroute', '-n', '-q1', LONG, '10.0.3.2')
    expect(hops(printed), printed.text).toEqual([['10.0.0.2'], ['10.0.2.1'], ['10.0.2.2'], ['10.0.3.2']])
  },
)

both(
  'a black hole of long packets lets ping through and stops what is long, without a word',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { blackHole: { above: 1400 } } } }),
  () => kernelWith(2, (w) => w.rules('r1', uncrossed('meta length > 1400 drop;'))),
  async (w) => {
    expect((await w.run('ping', '-c1', '-W60', '-Mdo', '-s1372', '10.0.2.2')).text).toMatch(/1 received/)
    expect((await w.run('ping', '-c1', '-W1', '-Mdo', '-s1373', '10.0.2.2')).text).toMatch(
      / 0 received, 100% packet loss/,
    )
    const { text } = await w.run('tracepath', '-n', '-m3', '10.0.2.2')
    expect(text).toMatch(/1: +10\.0\.0\.2/)
    expect(text).toMatch(/2: +no reply/)
  },
)

both(
  'a black hole of ICMP hides what is behind it from ping and traceroute, and TCP still gets through',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { blackHole: 'icmp' } } }),
  () => kernelWith(2, (w) => w.rules('r1', uncrossed('meta l4proto icmp drop;'))),
  async (w) => {
    expect((await w.run('ping', '-c1', '-W1', '10.0.2.2')).text).toMatch(/ 0 received/)
    const trace = await w.run('traceroute', '-n', '-q1', '-w4', '-m3', '10.0.2.2')
    expect(hops(trace), trace.text).toEqual([['10.0.0.2'], ['*'], ['*']])
    expect((await w.run('nmap', ...PATIENT, '-n', '-Pn', '-sS', '-p80', '10.0.2.2')).text).toMatch(/80\/tcp +closed/)
  },
)

both(
  'behind a NAT one reaches who knows no way back to one’s own address, and sees the hops',
  () =>
    rowWith(2, {
      r1: { kind: 'gateway', behaviours: { nat: { outside: 'eth1' } } },
      r2: { kind: 'gateway', routes: { '10.0.0.0/24': 'blackhole' } },
    }),
  () =>
    kernelWith(2, (w) => {
      w.rules('r1', 'table ip n { chain p { type nat hook postrouting priority 100; oifname "eth1" masquerade; }\n}\n')
      noWayBack(w)
    }),
  async (w) => {
    expect((await w.run('ping', '-c2', '-i0.2', '-w60', '10.0.2.2')).text).toMatch(/2 received/)
    const trace = await w.run('traceroute', '-n', '-q1', LONG, '10.0.2.2')
    expect(hops(trace), trace.text).toEqual([['10.0.0.2'], ['10.0.1.2'], ['10.0.2.2']])
    expect((await w.run('nmap', ...PATIENT, '-n', '-Pn', '-sU', '-p53', '10.0.2.2')).text).toMatch(/53\/udp +closed/)
    expect((await w.run('nmap', ...PATIENT, '-n', '-Pn', '-sS', '-p80', '10.0.2.2')).text).toMatch(/80\/tcp +closed/)
  },
)

both(
  'without the NAT nothing comes back over the same network',
  () => rowWith(2, { r2: { kind: 'gateway', routes: { '10.0.0.0/24': 'blackhole' } } }),
  () => kernelWith(2, noWayBack),
  async (w) => expect((await w.run('ping', '-c1', '-W1', '10.0.2.2')).text).toMatch(/ 0 received/),
)

function noWayBack({ nodes: { r2 } }: KernelWorld): void {
  const back = { dst: ip('10.0.0.0'), prefixLength: 24 }
  r2!.netlink.removeRoute({ ...back, gateway: ip('10.0.1.1') })
  r2!.netlink.addRoute({ ...back, type: 'blackhole' })
}

both(
  'a middlebox that answers for the dead makes a whole network look alive, one hop nearer',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { echoFor: ['10.0.2.0/24'] } } }),
  () => kernelWith(2, (w) => void w.at('r1', 'ip', 'route', 'add', 'local', '10.0.2.0/24', 'dev', 'lo')),
  async (w) => {
    expect((await w.run('ping', '-c1', '-W60', '10.0.2.77')).text).toMatch(
      /64 bytes from 10\.0\.2\.77: icmp_seq=1 ttl=64 /,
    )
    expect((await w.run('nmap', ...PATIENT, '-n', '-sn', '-PE', '10.0.2.72-79')).text).toMatch(/8 hosts up/)
    expect((await w.run('ping', '-c1', '-W60', '10.0.1.2')).text).toMatch(/ttl=63 /)
  },
)

both(
  'a firewall stuck on one identifier lets the first ping through and not the next',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { stuckEcho: {} } } }),
  () => kernelWith(2, (w) => w.rules('r1', uncrossed('icmp type echo-request icmp id != 4711 drop;'))),
  async (w) => {
    const ping = async (id: string, wait = '-w60') =>
      (await w.run('ping', '-c2', '-i0.2', wait, '-e', id, '10.0.2.2')).text
    expect(await ping('4711')).toMatch(/2 received/)
    expect(await ping('4712', '-W1')).toMatch(/ 0 received/)
    expect(await ping('4711')).toMatch(/2 received/)
    const trace = await w.run('traceroute', '-n', '-I', '-q1', '-w4', '-m2', '10.0.2.2')
    expect(hops(trace), trace.text).toEqual([['10.0.0.2'], ['*']])
  },
)

both(
  'by flow, probes of changing ports go both ways, and echo requests of one identifier one way',
  () => fork('flow'),
  () => kernelFork(),
  async (w) => {
    const ways = new Set<string>()
    for (const port of ['33434', '43434', '53434']) {
      const printed = await w.run('traceroute', '-n', '-q10', '-N10', '-f2', '-m2', '-w2', '-p', port, '10.0.5.2')
      for (const a of printed.text.match(/10\.0\.[12]\.2(?= )/g) ?? []) ways.add(a)
    }
    expect([...ways].sort()).toEqual(['10.0.1.2', '10.0.2.2'])
    const echo = await w.run('traceroute', '-n', '-I', '-q10', '-N10', '-f2', '-m2', '-w2', '10.0.5.2')
    expect(new Set(echo.text.match(/10\.0\.[12]\.2(?= )/g)).size).toBe(1)
  },
)

both(
  'a way back that is longer than the way there shows in tracepath and in the TTL of answers',
  () => detour(),
  () => kernelDetour(),
  async (w) => {
    expect((await w.run('ping', '-c1', '10.0.2.2')).text).toMatch(/ttl=61 /)
    const { text } = await w.run('tracepath', '-n', '10.0.2.2')
    expect(text).toMatch(/3: +10\.0\.2\.2 .*reached/)
    expect(text).toMatch(/Resume: pmtu 1500 hops 3 back 4/)
  },
)

/** me - r1 - r2 - srv, and back by r3. */
function detour(): LabConfig {
  return {
    nodes: {
      me: 'host',
      r1: 'gateway',
      r2: { kind: 'gateway', routes: { '10.0.0.0/24': '10.0.3.2' } },
      r3: 'gateway',
      srv: 'host',
    },
    links: [
      ['me', 'r1'],
      ['r1', 'r2'],
      ['r2', 'srv'],
      ['r2', 'r3'],
      ['r3', 'r1'],
    ],
  }
}

function kernelDetour(): KernelWorld {
  return kernelWith(2, (w) => {
    const r3 = host('r3')
    w.nodes.r3 = r3
    const { r1, r2 } = w.nodes
    cable(r2!, r3, 'l3', 'l3')
    cable(r3, r1!, 'l4', 'l4')
    r2!.address('l3', '10.0.3.1/24')
    r3.address('l3', '10.0.3.2/24')
    r3.address('l4', '10.0.4.1/24')
    r1!.address('l4', '10.0.4.2/24')
    r3.sysctl('ipv4.ip_forward', 1)
    w.at('r3', 'ip', 'route', 'add', '10.0.0.0/24', 'via', '10.0.4.2')
    w.at('r2', 'ip', 'route', 'replace', '10.0.0.0/24', 'via', '10.0.3.2')
  })
}

describe('a link that breaks is told by the gateway before it, and works again when it is mended', () => {
  const sees = async (w: World, turn: (up: boolean) => void) => {
    expect((await w.run('ping', '-c1', '-W60', '10.0.2.2')).text).toMatch(/1 received/)
    turn(false)
    expect((await w.run('ping', '-c1', '-W60', '10.0.2.2')).text).toMatch(
      /From 10\.0\.0\.2 icmp_seq=1 Destination Net Unreachable/,
    )
    expect((await w.run('traceroute', '-n', '-q1', LONG, '10.0.2.2')).text).toMatch(/10\.0\.0\.2 .*!N/)
    turn(true)
    // What a kernel sends before it has noticed the carrier is lost.
    while (!/1 received/.test((await w.run('ping', '-c1', '-W1', '10.0.2.2')).text));
  }

  test('in a lab', async () => {
    const w = await labWorld(row(2))
    await sees(w, (up) => w.net.lab.change('r1-r2', { up }))
  })

  test('between kernels', async () => {
    const w = kernelRow(2)
    await sees(w, (up) => {
      w.nodes.r1!.netlink.setLink('eth1', { up })
      if (up) w.at('r1', 'ip', 'route', 'add', '10.0.2.0/24', 'via', '10.0.1.2')
    })
  })
})
