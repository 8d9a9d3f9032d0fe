/** Draining: new workstations are refused by the kernel itself, those of before go on, and the rule ends with its process. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type DrainRules, openDrainRules } from '../../packages/icmpkit/src/os/drain-rule.ts'
import { type Ip4, type Ip6, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { startProgram } from './icmp-command.ts'
import { KernelSocket, POLLIN, POLLOUT } from './kernel-socket.ts'
import { CLIENT, NoticeNetwork, SERVER } from './notice-network.ts'
import { listen } from './tcp-client.ts'
import { host, ip, needsRoot } from './testnet.ts'

let net: NoticeNetwork

beforeAll(() => {
  if (process.getuid?.() !== 0) return
  net = new NoticeNetwork()
  // The kernel's own errors, one a second and address at most: that is another matter.
  net.server.sysctl('ipv4.icmp_ratemask', 0)
  net.server.sysctl('ipv6.icmp.ratelimit', 0)
})
afterAll(() => net?.[Symbol.dispose]())
beforeEach((ctx) => needsRoot(ctx))

const ruleset = (name: string) =>
  execFileSync('ip', ['netns', 'exec', name, 'nft', 'list', 'ruleset'], { encoding: 'utf8' })

function closing<T extends Disposable>(one: T): T {
  onTestFinished(() => one[Symbol.dispose]())
  return one
}

const rules = (): DrainRules => closing(openDrainRules(net.server.name))

describe.each([4, 6] as const)('IPv%i', (family) => {
  const prohibited = family === 4 ? 'EHOSTUNREACH' : 'EACCES'

  const stream = (port: number) => closing(new KernelSocket(net.client, 'tcp', family)).connect(SERVER[family], port)

  test.each([
    ['admin', prohibited],
    ['port', 'ECONNREFUSED'],
    ['reset', 'ECONNREFUSED'],
  ] as const)(
    'TCP, %s: connect fails with %s, a connection of before goes on, and once admitted connect works',
    (answer, errno) => {
      const listener = closing(listen(net, family, SERVER[family]))
      const before = stream(listener.port)
      before.wait(POLLOUT)
      const end = closing(listener.accept(net.server))
      const drain = rules()
      drain.refuse({ protocol: 'tcp', port: listener.port, answer })
      const refused = stream(listener.port)
      refused.wait(0)
      expect(refused.error()).toBe(errno)
      expect(before.send(5)).toBe(5)
      end.wait(POLLIN)
      expect(end.receive()).toBe(5)
      expect(end.send(6)).toBe(6)
      before.wait(POLLIN)
      expect(before.receive()).toBe(6)
      expect(drain.admit('tcp', listener.port)).toBe(true)
      stream(listener.port).wait(POLLOUT)
      closing(listener.accept(net.server))
    },
  )

  /** A server, and a workstation that it has answered. */
  function talking() {
    const server = closing(new KernelSocket(net.server, 'udp', family)).bind(SERVER[family])
    const client = closing(new KernelSocket(net.client, 'udp', family)).connect(SERVER[family], server.port)
    const turn = () => {
      expect(client.send(5)).toBe(5)
      server.wait(POLLIN)
      expect(server.receive()).toBe(5)
      server.sendTo(CLIENT[family], client.port, 6)
      client.wait(POLLIN)
      expect(client.receive()).toBe(6)
    }
    return { server, client, turn }
  }

  /** What a workstation hears that has sent a datagram, and the server has not. */
  function refusal(client: KernelSocket): number | string {
    client.send(7)
    client.wait(POLLIN)
    return client.receive()
  }

  test.each([
    ['admin', prohibited],
    ['port', 'ECONNREFUSED'],
  ] as const)('UDP, %s: a new workstation hears %s, and one that was tracked before goes on', (answer, errno) => {
    const drain = rules()
    drain.track()
    const { server, turn } = talking()
    turn()
    expect(drain.tracking?.flows).toBeGreaterThan(0)
    drain.refuse({ protocol: 'udp', port: server.port, answer })
    turn()
    const fresh = closing(new KernelSocket(net.client, 'udp', family)).connect(SERVER[family], server.port)
    expect(refusal(fresh)).toBe(errno)
    expect(server.receive()).toBe('EAGAIN')
    turn()
    drain.admit('udp', server.port)
    fresh.send(8)
    server.wait(POLLIN)
    expect(server.receive()).toBe(8)
  })

  test('UDP, by who is known: they go on, others are refused, and connection tracking has nothing to do with it', () => {
    const drain = rules()
    const { server, client, turn } = talking()
    turn()
    const flows = drain.tracking?.flows
    const known = { address: ip(CLIENT[family]), port: client.port }
    drain.refuse({ protocol: 'udp', port: server.port }, [known])
    turn()
    const fresh = closing(new KernelSocket(net.client, 'udp', family)).connect(SERVER[family], server.port)
    expect(refusal(fresh)).toBe(prohibited)
    expect(server.receive()).toBe('EAGAIN')
    turn()
    // Once more, with both: then both go on.
    drain.refuse({ protocol: 'udp', port: server.port }, [known, { ...known, port: fresh.port }])
    fresh.send(8)
    server.wait(POLLIN)
    expect(server.receive()).toBe(8)
    turn()
    expect(drain.tracking!.flows).toBeLessThanOrEqual(flows!)
    drain.admit('udp', server.port)
    expect(ruleset(net.server.name)).not.toContain('known')
  })

  test('UDP without tracking before, and nobody known: a workstation of before is refused like a new one, until the server speaks to it', () => {
    const drain = rules()
    const { server, client, turn } = talking()
    turn()
    drain.refuse({ protocol: 'udp', port: server.port })
    expect(refusal(client)).toBe(prohibited)
    expect(refusal(client)).toBe(prohibited)
    server.sendTo(CLIENT[family], client.port, 6)
    client.wait(POLLIN)
    expect(client.receive()).toBe(6)
    turn()
  })
})

test('several programs: each has its rule, a second answer takes the place of the first, and all go at the end', () => {
  const h = host('d')
  const drain = openDrainRules(h.name)
  expect(ruleset(h.name)).toBe('')
  drain.refuse({ protocol: 'tcp', port: 80 })
  drain.refuse({ protocol: 'udp', port: 80, answer: 'port' })
  drain.refuse({ protocol: 'tcp', port: 443, answer: 'reset' })
  drain.refuse({ protocol: 'tcp', port: 80, answer: 'port' })
  const lines = () =>
    ruleset(h.name)
      .split('\n')
      .map((l) => l.trim())
  expect(
    lines()
      .filter((l) => l.includes('reject'))
      .sort(),
  ).toEqual([
    'tcp dport 443 tcp flags syn / fin,syn,rst,ack reject with tcp reset',
    'tcp dport 80 tcp flags syn / fin,syn,rst,ack reject',
    'udp dport 80 ct state new reject',
  ])
  expect(lines()).toContain('flags owner')
  expect(drain.refused).toEqual([
    { protocol: 'tcp', port: 80, answer: 'port' },
    { protocol: 'udp', port: 80, answer: 'port' },
    { protocol: 'tcp', port: 443, answer: 'reset' },
  ])
  expect(drain.admit('tcp', 443)).toBe(true)
  expect(drain.admit('tcp', 443)).toBe(false)
  expect(lines().filter((l) => l.includes('reject'))).toHaveLength(2)
  drain.close()
  expect(ruleset(h.name)).toBe('')
})

test('2,500 known workstations of each family are all in the rule, each once', () => {
  const h = host('d')
  const drain = closing(openDrainRules(h.name))
  const known = Array.from({ length: 2500 }, (_, i) => i).flatMap((i) => [
    { address: ((10 << 24) + i) as Ip4, port: 1024 + i },
    { address: ((0x20010db8n << 96n) + BigInt(i)) as Ip6, port: 1024 + i },
  ])
  drain.refuse({ protocol: 'udp', port: 5000 }, known)
  const text = ruleset(h.name)
  const listed = [...text.matchAll(/([0-9a-f.:]+) \. (\d+)[, ]/g)].map(([, address, port]) => `${address} ${port}`)
  expect(listed.toSorted()).toEqual(known.map((k) => `${showIp(k.address)} ${k.port}`).toSorted())
  drain.refuse({ protocol: 'udp', port: 5000 }, known.slice(0, 2))
  expect(ruleset(h.name).match(/set udp-5000-known/g)).toHaveLength(2)
  expect(ruleset(h.name).length).toBeLessThan(2000)
})

test('two drain beside each other, in one process and in two, and neither touches the rules of the other', () => {
  const h = host('d')
  const [one, two] = [openDrainRules(h.name), closing(openDrainRules(h.name))]
  one.refuse({ protocol: 'tcp', port: 80 })
  two.refuse({ protocol: 'tcp', port: 80 })
  expect(ruleset(h.name).match(/tcp dport 80/g)).toHaveLength(2)
  one.close()
  expect(ruleset(h.name).match(/tcp dport 80/g)).toHaveLength(1)
  expect(ruleset(h.name)).toContain(two.table)
})

const SCRIPT = fileURLToPath(new URL('./scripts/drain-holder.ts', import.meta.url))

test('kill -9: no rule is left at the moment that the process is gone', async () => {
  const h = host('d')
  const holder = startProgram(undefined, process.execPath, [SCRIPT, h.name])
  await holder.until(/ready/)
  expect(ruleset(h.name).match(/reject/g)).toHaveLength(2)
  holder.signal('SIGKILL')
  await holder.ended
  expect(ruleset(h.name)).toBe('')
})

test('without rights it is refused with the cure', async () => {
  const nobody = startProgram(undefined, process.execPath, [SCRIPT, host('d').name, 'nobody'])
  const { out } = await nobody.ended
  expect(JSON.parse(out)).toEqual({ code: 'EPERM', cure: expect.stringContaining('CAP_NET_ADMIN') })
})

test('what cannot be refused throws at once', () => {
  const drain = closing(openDrainRules(host('d').name))
  expect(() => drain.refuse({ protocol: 'udp', port: 80, answer: 'reset' })).toThrow(RangeError)
  expect(() => drain.refuse({ protocol: 'tcp', port: 80 }, [])).toThrow(RangeError)
  for (const port of [0, 65536, 1.5]) expect(() => drain.refuse({ protocol: 'tcp', port })).toThrow(RangeError)
})
