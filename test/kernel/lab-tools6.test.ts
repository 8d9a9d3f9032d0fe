/** What tools see of a lab over IPv6 where it is not the same test as over IPv4 (lab-tools.test.ts), and between kernels. */
import { beforeEach, expect } from 'vitest'
import { both, hops, kernelWith, rowWith, uncrossed, unsaid } from './lab-world.ts'
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
    expect((await w.run('ping', '-6', '-c1', '-W5', '-Mdo', '-s1352', SRV)).text).toMatch(/1 received/)
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
    const trace = await w.run('traceroute', '-6', '-n', '-q1', '-w1', '-m3', SRV)
    expect(hops(trace), trace.text).toEqual([[R1], ['*'], ['*']])
    expect((await w.run('nmap', '-6', '-n', '-Pn', '-sS', '-p80', SRV)).text).toMatch(/80\/tcp +closed/)
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
    expect((await w.run('ping', '-6', '-c1', '-W5', SRV)).text).toMatch(/1 received/)
    const trace = await w.run('traceroute', '-6', '-n', '-q1', '-w1', SRV)
    expect(hops(trace), trace.text).toEqual([[R1], ['*'], [SRV]])
  },
)

both(
  'a middlebox that answers for the dead makes a whole network look alive, one hop nearer',
  () => rowWith(2, { r1: { kind: 'gateway', behaviours: { echoFor: ['2001:db8:0:2::/64'] } } }),
  () => kernelWith(2, (w) => void w.at('r1', 'ip', '-6', 'route', 'add', 'local', '2001:db8:0:2::/64', 'dev', 'lo')),
  async (w) => {
    const dead = await w.run('ping', '-6', '-c1', '-W5', '2001:db8:0:2::77')
    expect(dead.text).toMatch(/64 bytes from 2001:db8:0:2::77: icmp_seq=1 ttl=64 /)
    expect((await w.run('ping', '-6', '-c1', '-W5', R2)).text).toMatch(/ttl=63 /)
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
    const prohibited = await w.run('ping', '-6', '-c1', '-W5', '2001:db8:9:2::1')
    expect(prohibited.text).toMatch(
      /From 2001:db8:0:1::2 icmp_seq=1 Destination unreachable: Administratively prohibited/,
    )
    expect((await w.run('ping', '-6', '-c1', '-W1', '2001:db8:9:3::1')).text).toMatch(/ 0 received, 100% packet loss/)
  },
)
