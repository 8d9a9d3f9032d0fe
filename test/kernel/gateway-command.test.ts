/** `icmp gateway` between Linux hosts: their tools are told what a Linux router would tell them (issue show 2). */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { isLinkLocal } from '../../packages/icmpkit/src/wire/addr.ts'
import { type Running, start, startProgram } from './icmp-command.ts'
import { PATIENT } from './lab-world.ts'
import { line } from './router-line.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

async function tool(h: Host, [program, ...args]: readonly string[]): Promise<string> {
  const { out, err } = await startProgram(h, program!, args).ended
  return out + err
}

/** What is the same on every run: no times, no counters of packets that depend on them. */
function facts(text: string): string[] {
  return text
    .split('\n')
    .filter((l) => !/^(Start|Starting|Nmap done|rtt |HOST:|--- |\d+ packets transmitted)/.test(l))
    .map((l) =>
      l
        .replace(/\b\d+(\.\d+)? ?(ms|s)\b/g, 'TIME')
        .replace(/\(0\.\d+s latency\)/, '')
        .replace(/( +\d+\.\d)+ *$/, '')
        .replace(/ +/g, ' ')
        .trim(),
    )
    .filter((l) => l !== '')
}

const TOOLS: [string, string[]][] = [
  ['traceroute, UDP', ['traceroute', '-n', '-q', '2', '-w', '30', '198.51.100.1']],
  ['traceroute, ICMP', ['traceroute', '-n', '-I', '-q', '2', '-w', '30', '198.51.100.1']],
  ['traceroute, TCP', ['traceroute', '-n', '-T', '-p', '81', '-q', '2', '-w', '30', '198.51.100.1']],
  ['traceroute to an address that nobody has', ['traceroute', '-n', '-q', '1', '-w', '30', '-m', '3', '198.51.100.77']],
  ['traceroute of IPv6, UDP', ['traceroute', '-6', '-n', '-q', '2', '-w', '30', '2001:db8:2::1']],
  ['traceroute of IPv6, ICMP', ['traceroute', '-6', '-n', '-I', '-q', '2', '-w', '30', '2001:db8:2::1']],
  ['traceroute of IPv6, TCP', ['traceroute', '-6', '-n', '-T', '-p', '81', '-q', '2', '-w', '30', '2001:db8:2::1']],
  ['mtr', ['mtr', '-n', '-r', '-G', '8', '-c', '2', '-i', '0.3', '198.51.100.1']],
  ['mtr of IPv6', ['mtr', '-6', '-n', '-r', '-G', '8', '-c', '2', '-i', '0.3', '2001:db8:2::1']],
  ['tracepath', ['tracepath', '-n', '198.51.100.1']],
  ['tracepath of IPv6', ['tracepath', '-6', '-n', '2001:db8:2::1']],
  ['ping -M do that is too big', ['ping', '-n', '-c', '1', '-W', '60', '-M', 'do', '-s', '1400', '198.51.100.1']],
  [
    'ping -M dont that is fragmented',
    ['ping', '-n', '-c', '1', '-W', '60', '-M', 'dont', '-s', '1400', '198.51.100.1'],
  ],
  [
    'ping of IPv6 that is too big',
    ['ping', '-6', '-n', '-c', '1', '-W', '60', '-M', 'do', '-s', '1400', '2001:db8:2::1'],
  ],
  ['ping to a network without a route', ['ping', '-n', '-c', '1', '-W', '60', '203.0.113.1']],
  ['ping of IPv6 to a network without a route', ['ping', '-6', '-n', '-c', '1', '-W', '60', '2001:db8:ffff::1']],
  ['ping to a host that nobody is', ['ping', '-n', '-c', '1', '-W', '60', '198.51.100.77']],
  ['ping of IPv6 to a host that nobody is', ['ping', '-6', '-n', '-c', '1', '-W', '60', '2001:db8:2::77']],
  ['ping with record route', ['ping', '-n', '-c', '1', '-R', '198.51.100.1']],
  ['nmap -sU of a closed port', ['nmap', ...PATIENT, '-n', '-Pn', '-sU', '-p', '9999', '--reason', '198.51.100.1']],
  [
    'scapy with TTL 1',
    [
      '/usr/bin/python3',
      '-c',
      "from scapy.all import *; conf.verb=0; r=sr1(IP(dst='198.51.100.1',ttl=1)/UDP(dport=9),timeout=60); print(r.src, r[ICMP].type, r[ICMP].code, len(r[ICMP].payload), r.tos, r.ttl)",
    ],
  ],
]

describe('one router, the second link 1300 octets wide', () => {
  test.each(TOOLS)('%s says what it says of a Linux router', async (_, command) => {
    const [theirs, ours] = await Promise.all([line('linux', { mtu: 1300 }), line('icmpkit', { mtu: 1300 })])
    const [expected, got] = await Promise.all([tool(theirs.left, command), tool(ours.left, command)])
    expect(facts(got)).toEqual(facts(expected))
    expect(facts(got).length).toBeGreaterThan(0)
  })
})

describe('three routers in a row', () => {
  test('every hop is shown, and the path MTU is found, as with three Linux routers', async () => {
    const [theirs, ours] = await Promise.all([
      line('linux', { routers: 3, mtu: 1300 }),
      line('icmpkit', { routers: 3, mtu: 1300 }),
    ])
    for (const command of [
      ['traceroute', '-n', '-q', '2', '-w', '30', '198.51.100.1'],
      ['traceroute', '-6', '-n', '-q', '2', '-w', '30', '2001:db8:2::1'],
      ['tracepath', '-n', '198.51.100.1'],
      ['tracepath', '-6', '-n', '2001:db8:2::1'],
    ]) {
      const [expected, got] = await Promise.all([tool(theirs.left, command), tool(ours.left, command)])
      expect(facts(got)).toEqual(facts(expected))
    }
    expect(await tool(ours.left, ['traceroute', '-n', '-q', '1', '-w', '30', '198.51.100.1'])).toMatch(
      /192\.0\.2\.254[\s\S]*10\.0\.1\.2[\s\S]*10\.0\.2\.2[\s\S]*198\.51\.100\.1/,
    )
    expect(await tool(ours.left, ['tracepath', '-n', '198.51.100.1'])).toMatch(
      /pmtu 1300[\s\S]*Resume: pmtu 1300 hops 4/,
    )
  })
})

const RECEIVER = `
import hashlib, socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
s.bind((sys.argv[1], 7000)); s.listen(1); print('listening', flush=True)
c, _ = s.accept(); h = hashlib.sha256(); n = 0
while True:
    b = c.recv(1 << 20)
    if not b: break
    h.update(b); n += len(b)
c.send(b'ok'); print(n, h.hexdigest(), flush=True)`
const SENDER = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
s.connect((sys.argv[1], 7000))
b = bytes(range(256)) * 4096
for _ in range(int(sys.argv[2])): s.sendall(b)
s.shutdown(socket.SHUT_WR); s.recv(2)`

describe('flows', () => {
  test.each([
    ['198.51.100.1', 100],
    ['2001:db8:2::1', 20],
  ])(
    'a TCP transfer to %s passes whole, %i MiB, with the offloads that a veth has by default',
    async (address, mebibytes) => {
      const { left, right } = await line('icmpkit')
      const receiver: Running = startProgram(right, '/usr/bin/python3', ['-c', RECEIVER, address])
      await receiver.until(/listening/)
      await startProgram(left, '/usr/bin/python3', ['-c', SENDER, address, `${mebibytes}`]).ended
      const { out } = await receiver.ended
      const octets = Buffer.alloc(1 << 20, Buffer.from(Array.from({ length: 256 }, (_, i) => i)))
      const hash = createHash('sha256')
      for (let i = 0; i < mebibytes; i++) hash.update(octets)
      expect(out.trim().split('\n').at(-1)).toBe(`${mebibytes << 20} ${hash.digest('hex')}`)
    },
  )

  test('a UDP question and its answer pass', async () => {
    const { left, right } = await line('icmpkit')
    const echo =
      "import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('198.51.100.1',7)); print('up',flush=True)\nb,a=s.recvfrom(65535); s.sendto(b[::-1],a)"
    const server = startProgram(right, '/usr/bin/python3', ['-c', echo])
    await server.until(/up/)
    const ask =
      "import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(60); s.sendto(b'x'*2999+b'y',('198.51.100.1',7)); b=s.recv(65535); print(len(b), b[:2])"
    expect(await tool(left, ['/usr/bin/python3', '-c', ask])).toBe("3000 b'yx'\n")
  })
})

describe('a Linux host on its link', () => {
  test('makes an address and a default route of its router advertisement, and learns the MTU (RFC 4861 §6.3.4, RFC 4862 §5.5)', async () => {
    const linux = host('al')
    const router = host('ag')
    cable(linux, router, 'eth0', 'eth0')
    linux.sysctl('ipv6.conf.eth0.accept_ra', 1)
    linux.netlink.setLink('eth0', { addrGenMode: 'eui64', up: false })
    linux.netlink.setLink('eth0', { up: true })
    const folder = mkdtempSync(join(tmpdir(), 'icmp-gateway-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'router.yaml')
    writeFileSync(file, 'ports: { eth0: "2001:db8:1::fe/64" }\nip6: { advertise: [{ port: eth0, linkMtu: 1400 }] }\n')
    const running = start(router, ['gateway', '--config', file, '--conflict-check', 'off', '--json'])
    await running.until(/"kind":"ready"/)
    await until(() => linux.netlink.addresses().some((a) => isLinkLocal(a.address) && !a.tentative))
    const said = await tool(linux, ['rdisc6', '-1', '-r', '60', 'eth0'])
    expect(said).toMatch(/Prefix +: 2001:db8:1::\/64/)
    expect(said).toMatch(/On-link +: +Yes/)
    expect(said).toMatch(/Autonomous address conf\.: +Yes/)
    expect(said).toMatch(/MTU +: +1400 bytes/)
    await until(() => made(linux))
    const route = linux.netlink.route({ dst: ip('2001:db8:9::9') })
    expect(route).toMatchObject({ kind: 'route', protocol: 9 })
    // Of the same advertisement, and looked at by the kernel after the prefix.
    await until(() => linux.inside(() => readMtu()) === '1400')
    expect(await tool(linux, ['ndisc6', '-1', '-r', '60', '2001:db8:1::fe', 'eth0'])).toMatch(
      /Target link-layer address: +02:/,
    )
  })

  test('follows its redirect to the better router of the same link (RFC 1812 §5.2.7.2, RFC 4861 §8.2)', async () => {
    const { linux, running } = await lan()
    const learned = async (target: string, route: RegExp) => {
      // The first packet is carried on all the same.
      do expect(await tool(linux, ['ping', '-n', '-c', '1', '-W', '60', target])).toContain('1 received')
      while (!route.test(await tool(linux, ['ip', 'route', 'get', target])))
    }
    await learned('203.0.113.9', /via 192\.0\.2\.253 .*\n *cache <redirected>/)
    await learned('2001:db8:9::9', /via fe80::253/)
    running.signal('SIGINT')
    await running.ended
    // The way that was learned works without the router that taught it.
    expect(await tool(linux, ['ping', '-n', '-c', '1', '-W', '60', '203.0.113.9'])).toContain('1 received')
  })
})

/** Polls; what never comes true fails the test by its time-out. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((r) => setTimeout(r, 50))
}

function made(linux: Host): boolean {
  return linux.netlink
    .addresses()
    .some((a) => typeof a.address === 'bigint' && a.address >> 64n === 0x20010db800010000n)
}

function readMtu(): string {
  return readFileSync('/proc/sys/net/ipv6/conf/eth0/mtu', 'utf8').trim()
}

/** A host, our gateway .254 and a Linux router .253 that leads to 203.0.113.9, all on one link. */
async function lan() {
  const wire = host('w')
  wire.netlink.addLink({ type: 'bridge', name: 'br0' })
  wire.netlink.setLink('br0', { up: true })
  const hosts = ['n', 'g', 'b'].map((label) => host(label))
  for (const [i, h] of hosts.entries()) {
    cable(h, wire, 'eth0', `p${i}`)
    await tool(wire, ['ip', 'link', 'set', `p${i}`, 'master', 'br0'])
  }
  const [linux, ours, better] = hosts as [Host, Host, Host]
  for (const [h, n] of [
    [linux, 1],
    [better, 253],
  ] as const) {
    for (const prefix of [`192.0.2.${n}/24`, `2001:db8:1::${n}/64`, `fe80::${n}/64`]) h.address('eth0', prefix)
  }
  for (const which of ['all', 'eth0']) linux.sysctl(`ipv4.conf.${which}.secure_redirects`, 0)
  linux.netlink.addRoute({ dst: ip('0.0.0.0'), prefixLength: 0, gateway: ip('192.0.2.254') })
  linux.netlink.addRoute({ dst: ip('::'), prefixLength: 0, gateway: ip('fe80::254'), oif: linux.netlink.index('eth0') })
  better.sysctl('ipv4.ip_forward', 1)
  better.sysctl('ipv6.conf.all.forwarding', 1)
  better.address('lo', '203.0.113.9/32')
  better.address('lo', '2001:db8:9::9/128')
  const running = start(ours, [
    'gateway',
    ...['--port', 'eth0=192.0.2.254/24,2001:db8:1::254/64,fe80::254/64'],
    ...['--route', '203.0.113.0/24=192.0.2.253', '--route', '2001:db8:9::/64=fe80::253%eth0'],
    ...['--conflict-check', 'fast', '--json'],
  ])
  await running.until(/"kind":"ready"/)
  return { linux, running }
}
