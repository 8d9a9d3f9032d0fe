/** One owner: an interface that was taken from the kernel, and given back as it was, whatever ended its holder. */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { InterfaceAddress } from '../../packages/icmpkit/src/os/address-message.ts'
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'
import { Errno } from '../../packages/icmpkit/src/os/os-error.ts'
import { type Sys, sys } from '../../packages/icmpkit/src/os/sys.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { u16 } from '../../packages/icmpkit/src/wire/octets.ts'
import { answerEcho, CableMachine, opened, PortMachine, running, until } from './port-machine.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const exec = promisify(execFile)
const inside = (h: Host, ...command: string[]) =>
  execFileSync('ip', ['netns', 'exec', h.name, ...command], { encoding: 'utf8' })

/** All that could be changed, as other programs see it. */
function state(h: Host, name: string) {
  const sysctls = (family: 4 | 6) => {
    const folder = `/proc/sys/net/ipv${family}/conf/${name}`
    return h.inside(() =>
      readdirSync(folder)
        .filter((f) => f !== 'stable_secret')
        .map((f) => `${f}=${readFileSync(`${folder}/${f}`, 'utf8').trim()}`),
    )
  }
  return {
    link: inside(h, 'ip', '-d', 'link', 'show', name),
    // A lifetime that runs is no difference.
    addresses: inside(h, 'ip', 'address', 'show', name),
    routes: inside(h, 'ip', '-6', 'route', 'show', 'table', 'all', 'dev', name),
    groups: inside(h, 'ip', 'maddress', 'show', 'dev', name),
    nft: inside(h, 'nft', 'list', 'ruleset'),
    sysctls: [...sysctls(4), ...sysctls(6)],
  }
}

/** Two hosts and a cable, as Linux makes one by itself: with link-local addresses. */
function withLinkLocal(): { a: Host; b: Host } {
  const a = host('a')
  const b = host('b')
  cable(a, b)
  for (const h of [a, b]) {
    h.sysctl('ipv6.conf.eth0.accept_dad', 0)
    h.netlink.setLink('eth0', { up: false })
    h.netlink.setLink('eth0', { addrGenMode: 'eui64', up: true })
  }
  return { a, b }
}

const linkLocal = (h: Host) => h.netlink.addresses(h.netlink.index('eth0'), 6)

/** Settled: what the kernel does by itself after "up" is done. */
async function settled(h: Host): Promise<void> {
  await until(() => linkLocal(h).some((a) => !a.tentative) && h.netlink.link('eth0')!.operState === 'up')
}

/** Takes the interface in a process of its own. */
async function holder(h: Host, name: string): Promise<{ kill: () => Promise<void> }> {
  const script = resolve(import.meta.dirname, 'port-holder.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, h.name, name])
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  onTestFinished(() => void child.kill('SIGKILL'))
  let errors = ''
  child.stderr.on('data', (d: Buffer) => {
    errors += d.toString()
  })
  await Promise.race([
    new Promise((ready) => child.stdout.once('data', ready)),
    ended.then(() => {
      throw new Error(errors)
    }),
  ])
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

test('closed, it is as it was to the octet: link, addresses, sysctls, groups, rules', async () => {
  const { b } = withLinkLocal()
  await settled(b)
  const before = state(b, 'eth0')
  const door = await openPort({ kind: 'packet', interface: 'eth0', netns: b.name })
  const held = state(b, 'eth0')
  expect(held.nft).toContain('policy drop')
  expect(held.link).toContain('allmulti 1')
  await door[Symbol.asyncDispose]()
  expect(state(b, 'eth0')).toEqual(before)
})

test('a link that was down is up while it is held, and down again', async () => {
  const { a, b } = withLinkLocal()
  b.netlink.setLink('eth0', { up: false })
  const before = state(b, 'eth0')
  const door = await openPort({ kind: 'packet', interface: 'eth0', netns: b.name })
  expect(b.netlink.link('eth0')).toMatchObject({ up: true })
  await until(() => a.netlink.link('eth0')!.operState === 'up')
  await door[Symbol.asyncDispose]()
  expect(state(b, 'eth0')).toEqual(before)
  expect(notes(b)).toEqual([])
})

test('a holder that is killed leaves no rule behind, and the next one puts down what it brought up', async () => {
  const { b } = withLinkLocal()
  b.netlink.setLink('eth0', { up: false })
  const before = state(b, 'eth0')
  const first = await holder(b, 'eth0')
  expect(state(b, 'eth0').nft).toContain('icmpkit')
  expect(notes(b)).toHaveLength(1)
  await first.kill()
  expect(state(b, 'eth0').nft).toBe(before.nft)
  expect(b.netlink.link('eth0')).toMatchObject({ up: true })
  const door = await openPort({ kind: 'packet', interface: 'eth0', netns: b.name })
  expect(b.netlink.link('eth0')).toMatchObject({ up: true })
  await door[Symbol.asyncDispose]()
  expect(state(b, 'eth0')).toEqual(before)
  expect(notes(b)).toEqual([])
})

test('killed while the link had been up, the interface is at once as it was, with nothing to repair', async () => {
  const { b } = withLinkLocal()
  await settled(b)
  const before = state(b, 'eth0')
  const first = await holder(b, 'eth0')
  expect(state(b, 'eth0')).not.toEqual(before)
  await first.kill()
  expect(state(b, 'eth0')).toEqual(before)
})

test('a repair leaves alone what somebody has given an address meanwhile', async () => {
  const a = host('a')
  const b = host('b')
  cable(a, b)
  b.netlink.setLink('eth0', { up: false })
  const first = await holder(b, 'eth0')
  await first.kill()
  b.address('eth0', '192.0.2.2/24')
  const door = await openPort({ kind: 'packet', interface: 'eth0', netns: b.name, force: true })
  await door[Symbol.asyncDispose]()
  expect(b.netlink.link('eth0')).toMatchObject({ up: true })
  expect(notes(b)).toEqual([])
})

test('an interface on which the kernel has addresses is refused: which, and what to do', async () => {
  const a = host('a')
  const b = host('b')
  cable(a, b)
  b.address('eth0', '192.0.2.2/24')
  b.address('eth0', '2001:db8::2/64')
  const before = state(b, 'eth0')
  const open = (more = {}) => openPort({ kind: 'packet', interface: 'eth0', netns: b.name, ...more })
  await expect(open()).rejects.toThrow(
    /EADDRINUSE.*192\.0\.2\.2\/24, 2001:db8::2\/64 on eth0.*ip address del 192\.0\.2\.2\/24 dev eth0.*force/,
  )
  expect(state(b, 'eth0')).toEqual(before)
  const door = await open({ force: true })
  await door[Symbol.asyncDispose]()
  expect(state(b, 'eth0')).toEqual(before)
})

test('an address on an interface stacked on it counts, and so does a bridge that it belongs to', async () => {
  const a = host('a')
  const b = host('b')
  cable(a, b)
  const open = () => openPort({ kind: 'packet', interface: 'eth0', netns: b.name })
  inside(b, 'ip', 'link', 'add', 'link', 'eth0', 'name', 'stacked', 'type', 'macvlan', 'mode', 'bridge')
  b.netlink.setLink('stacked', { addrGenMode: 'none', up: true })
  b.address('stacked', '192.0.2.2/24')
  await expect(open()).rejects.toThrow(/192\.0\.2\.2\/24/)
  b.netlink.removeLink('stacked')
  b.netlink.addLink({ type: 'bridge', name: 'br0' })
  b.netlink.setLink('eth0', { master: b.netlink.index('br0') })
  await expect(open()).rejects.toThrow(/EBUSY.*belongs to br0.*nomaster/)
})

test('what cannot be taken says why: no interface, the loopback, one that is taken', async () => {
  const { b } = withLinkLocal()
  const open = (name: string) => openPort({ kind: 'packet', interface: name, netns: b.name })
  await expect(open('eth9')).rejects.toThrow(/ENODEV.*There is no interface eth9/)
  await expect(open('lo')).rejects.toThrow(/lo cannot be taken: The loopback is the kernel/)
  const door = await open('eth0')
  await expect(open('eth0')).rejects.toThrow(/EBUSY.*Another process has taken eth0/)
  await door[Symbol.asyncDispose]()
  const again = await open('eth0')
  await again[Symbol.asyncDispose]()
})

test.each([
  ['no nftables in the kernel', (m: Buffer) => m.includes('heard') && -Errno.EOPNOTSUPP],
  ['no nftables for devices', (m: Buffer) => m.includes('heard') && -Errno.ENOENT],
])('with %s the interface is refused with the cure, and left as it is', async (_, refuses) => {
  const { b } = withLinkLocal()
  b.netlink.setLink('eth0', { up: false })
  const before = state(b, 'eth0')
  refusing(refuses)
  await expect(openPort({ kind: 'packet', interface: 'eth0', netns: b.name })).rejects.toThrow(
    /needs nftables for devices.*modprobe nf_tables/,
  )
  expect(state(b, 'eth0')).toEqual(before)
})

test('where tables cannot have an owner the kernel is too old, and that is said', async () => {
  const { b } = withLinkLocal()
  refusing((m) => m.includes('heard') && -Errno.EINVAL)
  await expect(openPort({ kind: 'packet', interface: 'eth0', netns: b.name })).rejects.toThrow(/Linux 5\.12/)
})

test('where the kernel cannot be silenced the port is opened, and says that it cannot', async () => {
  const { b } = withLinkLocal()
  await settled(b)
  const before = state(b, 'eth0')
  refusing((m) => m.includes('said') && -Errno.EOPNOTSUPP)
  const door = await openPort({ kind: 'packet', interface: 'eth0', netns: b.name })
  expect(door.cannot).toEqual([expect.stringContaining('silence of the kernel')])
  expect(state(b, 'eth0').nft).toMatch(/chain heard/)
  expect(state(b, 'eth0').nft).not.toMatch(/chain said/)
  await door[Symbol.asyncDispose]()
  expect(state(b, 'eth0')).toEqual(before)
})

/** This test's kernel refuses the netlink messages for which `refuses` says an errno. */
function refusing(refuses: (message: Buffer) => number | false): void {
  const os = sys() as { send: Sys['send'] }
  const { send } = os
  os.send = (fd, bytes, length, flags) => refuses(Buffer.from(bytes as Uint8Array)) || send(fd, bytes, length, flags)
  onTestFinished(() => {
    os.send = send
  })
}

test('one answer where the kernel would answer too: its fe80:: hears no ff02::1 while we do', async () => {
  const { a, b } = withLinkLocal()
  await settled(a)
  await settled(b)
  const ping = async () =>
    (await exec('ip', ['netns', 'exec', a.name, ...'ping -6 -n -c 4 -i 0.1 -W 1 ff02::1%eth0'.split(' ')])).stdout
  // The last one ends the program with its first answer, which is that of its own kernel.
  const own = showIp(linkLocal(a)[0]!.address)
  const answers = (text: string) =>
    [...text.matchAll(/from (\S+?)(?:%eth0)?: icmp_seq=([123])/g)]
      .map(([, from, seq]) => `${seq} ${from}`)
      .filter((t) => !t.endsWith(own))
  // An answer that takes longer than the interval may come after the end.
  const complete = async () => {
    for (;;) {
      const all = answers(await ping())
      if (new Set(all.map((t) => t[0])).size === 3) return all
    }
  }
  const [{ address }] = linkLocal(b) as [InterfaceAddress]
  // The kernel answers, which it must for this test to say something.
  const theirs = showIp(address)
  expect(await complete()).toEqual([`1 ${theirs}`, `2 ${theirs}`, `3 ${theirs}`])
  const mine = 'fe80::1d'
  const door = await opened({ kind: 'packet', interface: 'eth0', netns: b.name })
  const machine = new PortMachine()
  machine.answer = (p) => {
    if (u16(p.bytes, p.at + 12) !== 0x86dd || !answerEcho(p, true)) return false
    // From an address of ours, not from the group: the sum is patched by the difference of the two.
    fromAddress(p.bytes, p.at + 14, ip(mine) as bigint)
    p.bytes.set(door.port.mac, p.at + 6)
    return true
  }
  running(machine, [door])
  expect(await complete()).toEqual([`1 ${mine}`, `2 ${mine}`, `3 ${mine}`])
  expect(linkLocal(b).map((x) => x.address)).toEqual([address])
})

test('nothing of the kernel leaves by it: no neighbour solicitation, no ping of its own, no report', async () => {
  const { a, b } = withLinkLocal()
  await settled(b)
  const door = await opened({ kind: 'packet', interface: 'eth0', netns: b.name })
  const received = () => a.netlink.link('eth0')!.counters!.rxPackets
  const before = received()
  const { stdout } = await exec('ip', [
    ...['netns', 'exec', b.name, 'ping', '-6', '-n', '-c', '2', '-i', '0.1', '-W', '1', 'fe80::1%eth0'],
  ]).catch((e: { stdout: string }) => e)
  expect(stdout).toContain('0 received')
  expect(received()).toBe(before)
  const machine = new PortMachine()
  const wake = running(machine, [door])
  const frame = new Uint8Array(60).fill(0xff, 0, 6)
  machine.queue.push({ port: door.port.index, bytes: frame })
  wake()
  await until(() => received() > before)
  expect(received()).toBe(before + 1n)
})

test('with ip_forward=1 a packet goes through once: by us', async () => {
  const [a, m, b] = [host('a'), host('m'), host('b')]
  cable(a, m, 'eth0', 'x')
  cable(m, b, 'y', 'eth0')
  a.address('eth0', '192.0.2.1/24')
  b.address('eth0', '198.51.100.1/24')
  const mac = (h: Host, name: string) => h.netlink.link(name)!.address
  m.sysctl('ipv4.ip_forward', 1)
  // The kernel in the middle can forward: it has routes, and knows the neighbours.
  m.netlink.addRoute({ dst: ip('192.0.2.0'), prefixLength: 24, oif: m.netlink.index('x') })
  m.netlink.addRoute({ dst: ip('198.51.100.0'), prefixLength: 24, oif: m.netlink.index('y') })
  m.netlink.addNeighbour({ index: m.netlink.index('x'), address: ip('192.0.2.1'), lladdr: mac(a, 'eth0') })
  m.netlink.addNeighbour({ index: m.netlink.index('y'), address: ip('198.51.100.1'), lladdr: mac(b, 'eth0') })
  for (const [h, via, name] of [
    [a, '192.0.2.254', 'x'],
    [b, '198.51.100.254', 'y'],
  ] as const) {
    h.netlink.addNeighbour({ index: h.netlink.index('eth0'), address: ip(via), lladdr: mac(m, name) })
    h.netlink.addRoute({ dst: ip('0.0.0.0'), prefixLength: 0, gateway: ip(via) })
  }
  const ping = () => inside(a, 'ping', '-n', '-c', '2', '-i', '0.1', '-W', '1', '198.51.100.1')
  expect(ping()).toContain('2 received')
  const x = await opened({ kind: 'packet', interface: 'x', netns: m.name })
  const y = await opened({ kind: 'packet', interface: 'y', netns: m.name })
  // A gateway as far as this asks for one: the frame goes on with the next hop's address.
  class Gateway extends CableMachine {
    override handlePacket(
      now: Parameters<CableMachine['handlePacket']>[0],
      p: Parameters<CableMachine['handlePacket']>[1],
    ) {
      p.bytes.set(p.port === x.port.index ? mac(b, 'eth0') : mac(a, 'eth0'), p.at)
      return super.handlePacket(now, p)
    }
  }
  const machine = new Gateway(x, y)
  running(machine, [x, y])
  const before = b.netlink.link('eth0')!.counters!.rxPackets
  for (let i = 0; i < 3; i++) {
    const { stdout } = await exec('ip', [
      ...['netns', 'exec', a.name, 'ping', '-n', '-c', '1', '-W', '60', '198.51.100.1'],
    ])
    expect(stdout).toContain('1 packets transmitted, 1 received, 0% packet loss')
    expect(stdout).not.toContain('DUP')
    expect(stdout).toContain('ttl=64')
  }
  expect(b.netlink.link('eth0')!.counters!.rxPackets - before).toBe(3n)
})

/** Notes of links in there that somebody still has to put down. */
function notes(h: Host): string[] {
  const id = h.inside(() => statSync('/proc/thread-self/ns/net').ino)
  return existsSync('/run/icmpkit') ? readdirSync('/run/icmpkit').filter((f) => f.startsWith(`${id}-`)) : []
}

/** Puts `source` in place of the IPv6 source address, and into the ICMPv6 checksum. */
function fromAddress(bytes: Uint8Array, at: number, source: bigint): void {
  const words = Array.from({ length: 8 }, (_, i) => Number((source >> BigInt(112 - 16 * i)) & 0xffffn))
  let sum = ~u16(bytes, at + 42) & 0xffff
  for (const [i, word] of words.entries()) {
    sum += (~u16(bytes, at + 8 + 2 * i) & 0xffff) + word
    bytes[at + 8 + 2 * i] = word >>> 8
    bytes[at + 9 + 2 * i] = word
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  bytes[at + 42] = (~sum & 0xffff) >>> 8
  bytes[at + 43] = ~sum
}
