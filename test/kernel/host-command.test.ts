/** `icmp host` on a veth, and a Linux kernel with its tools on the other end (issue show 2). */
import { beforeEach, describe, expect, test } from 'vitest'
import { isLinkLocal } from '../../packages/icmpkit/src/wire/addr.ts'
import { nobody } from '../nobody.ts'
import { events, ICMP, type Running, start, startProgram } from './icmp-command.ts'
import { PATIENT } from './lab-world.ts'
import { cable, type Host, host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

/** A kernel with 192.0.2.1 and 2001:db8::1, and `icmp host` with .9 and ::9 on the other end of the cable. */
async function kernelAndHost(more: readonly string[] = []): Promise<{ linux: Host; ours: Host; running: Running }> {
  const linux = host('hl')
  const ours = host('ho')
  cable(linux, ours)
  linux.address('eth0', '192.0.2.1/24')
  linux.address('eth0', '2001:db8::1/64')
  linux.address('eth0', 'fe80::1/64')
  const running = start(ours, ['host', '--port', 'eth0=192.0.2.9/24,2001:db8::9/64', ...FAST, ...more])
  await running.until(/"kind":"ready"/)
  return { linux, ours, running }
}
const FAST = ['--conflict-check', 'fast', '--json']

/** Runs a program of the kernel's side to its end. */
async function tool(linux: Host, program: string, ...args: string[]) {
  const e = await startProgram(linux, program, args).ended
  return { ...e, text: e.out + e.err }
}

async function scapy(linux: Host, script: string) {
  // Its datagrams go by the kernel, which is patient with neighbours; scapy itself waits for two seconds.
  const head = 'import time\nfrom scapy.all import *\nconf.verb = 0\nconf.L3socket = L3RawSocket\n'
  return startProgram(linux, '/usr/bin/python3', ['-c', `${head}${script}`]).ended
}

async function summaryOf(running: Running) {
  running.signal('SIGINT')
  const e = await running.ended
  expect({ code: e.code, err: e.err }).toEqual({ code: 0, err: '' })
  return events(e).at(-1)
}

describe('Linux pings it', () => {
  test.each([
    ['192.0.2.9', [0, 1, 56, 1472, 1473, 8192, 65507]],
    ['2001:db8::9', [0, 1, 56, 1452, 1453, 8192, 65527]],
  ])(
    '%s answers echoes of every size, in fragments where they do not fit, with all their data',
    async (address, sizes) => {
      const { linux, running } = await kernelAndHost()
      for (const size of sizes) {
        // ping compares the data that come back, and says where they differ.
        for (let i = 0; i < 2; i++) {
          const { text } = await tool(linux, 'ping', '-n', '-c', '1', '-W', '60', '-s', `${size}`, '-p', 'a5', address)
          expect(text).toContain('1 packets transmitted, 1 received')
          expect(text).not.toContain('wrong data')
        }
      }
      const { answered, malformed } = await summaryOf(running)
      // And each of the kernel's questions who has the address.
      expect(answered).toBeGreaterThanOrEqual(2 * sizes.length)
      expect(malformed).toEqual({})
    },
  )

  test('a broadcast is not answered, 224.0.0.1 neither, ff02::1 is (RFC 1122 §3.2.2.6, RFC 4443 §4.2)', async () => {
    const { linux } = await kernelAndHost()
    const ask = (wait: string, ...args: string[]) =>
      tool(linux, 'ping', '-n', '-c', '2', '-i', '0.1', '-W', wait, ...args)
    expect((await ask('1', '-b', '192.0.2.255')).text).toContain('100% packet loss')
    expect((await ask('1', '-I', 'eth0', '224.0.0.1')).text).toContain('100% packet loss')
    const { text } = await ask('60', '-I', 'eth0', 'ff02::1')
    expect(text).toMatch(/from fe80::/)
    expect(text).not.toContain('DUP!')
  })

  test('it is found by ARP and by neighbour discovery, at the link-layer address of its interface', async () => {
    const { linux, ours } = await kernelAndHost()
    await tool(linux, 'ping', '-n', '-c', '1', '-W', '60', '192.0.2.9')
    await tool(linux, 'ping', '-n', '-c', '1', '-W', '60', '2001:db8::9')
    const mac = Buffer.from(ours.netlink.link('eth0')!.address).toString('hex')
    const known = linux.netlink
      .neighbours()
      .filter((n) => n.lladdr !== undefined && n.lladdr.length === 6 && n.state !== 'noarp' && !isLinkLocal(n.address))
    expect(known.map((n) => Buffer.from(n.lladdr!).toString('hex'))).toEqual([mac, mac])
    const { text } = await tool(linux, 'ndisc6', '-1', '-r', '60', '2001:db8::9', 'eth0')
    expect(text.toLowerCase()).toContain(mac.match(/../g)!.join(':'))
  })
})

describe('what it does not have', () => {
  test.each([
    ['udp4', '192.0.2.9'],
    ['udp6', '2001:db8::9'],
  ] as const)('a %s datagram to a closed port comes back as ECONNREFUSED', async (type, address) => {
    const { linux } = await kernelAndHost()
    const script = `
import socket
s = socket.socket(socket.${type === 'udp4' ? 'AF_INET' : 'AF_INET6'}, socket.SOCK_DGRAM)
s.connect(('${address}', 33435))
s.settimeout(60)
s.send(b'a')
s.recv(1)`
    const { err } = await startProgram(linux, '/usr/bin/python3', ['-c', script]).ended
    expect(err).toContain('ConnectionRefusedError')
  })

  test('a TCP connection is refused by a reset, a protocol that it does not speak by protocol unreachable', async () => {
    const { linux } = await kernelAndHost()
    const nmap = await tool(linux, 'nmap', ...PATIENT, '-n', '-Pn', '-sS', '-p', '81', '192.0.2.9')
    expect(nmap.text).toMatch(/81\/tcp closed/)
    const protocols = await tool(linux, 'nmap', ...PATIENT, '-n', '-Pn', '-sO', '-p', '1,200', '192.0.2.9')
    expect(protocols.text).toMatch(/1 +open +icmp/)
    expect(protocols.text).toMatch(/200 +closed/)
  })

  test('nmap -sU sees a closed port by its error', async () => {
    const { linux } = await kernelAndHost()
    const { text } = await tool(linux, 'nmap', ...PATIENT, '-n', '-Pn', '-sU', '-p', '9999', '--reason', '192.0.2.9')
    expect(text).toMatch(/9999\/udp closed .* port-unreach/)
  })
})

describe('other questions', () => {
  test('nmap -PP gets its timestamp reply', async () => {
    const { linux } = await kernelAndHost()
    const args = ['-n', '-sn', '-PP', '--send-ip', '--disable-arp-ping', '--reason', '192.0.2.9']
    expect((await tool(linux, 'nmap', ...args)).text).toMatch(/Host is up, received timestamp-reply/)
  })

  test('scapy gets a timestamp reply whose times are those of this clock, between question and answer (RFC 792)', async () => {
    const { linux } = await kernelAndHost()
    const { out, err } = await scapy(
      linux,
      `
def now():
    return int(time.time() * 1000) % 86400000
asked = now()
reply = sr1(IP(dst='192.0.2.9')/ICMP(type=13, id=7, seq=9, ts_ori=asked, ts_rx=0, ts_tx=0), timeout=60)
i = reply[ICMP]
print(i.type, i.id, i.seq, i.ts_ori == asked, asked, i.ts_rx, i.ts_tx, now())`,
    )
    const [type, id, seq, same, asked, received, sent, heard] = out.trim().split(' ')
    expect([type, id, seq, same], err).toEqual(['14', '7', '9', 'True'])
    const order = [asked, received, sent, heard].map(Number)
    // A night's change of day between them is told by what comes first being large.
    if (order[3]! >= order[0]!) expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  test.each([
    ['eth0', '0x0 0x7'],
    ['eth9', '0x2 0x0'],
  ])(
    'scapy asks about the interface %s, and hears of it, where that is switched on (RFC 8335)',
    async (name, answer) => {
      const { linux } = await kernelAndHost(['--extended-echo'])
      const { out, err } = await scapy(
        linux,
        `
object = bytes.fromhex('00080301') + b'${name}'
structure = bytes.fromhex('20000000') + object
structure = structure[:2] + checksum(structure).to_bytes(2, 'big') + object
message = bytes.fromhex('2a00000012340701') + structure
message = message[:2] + checksum(message).to_bytes(2, 'big') + message[4:]
heard = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
heard.sendto(message, ('192.0.2.9', 0))
reply = b''
while reply[:1] != b'+':
    reply = heard.recv(2048)[20:]
print(reply[0], reply[4:7].hex(), hex(reply[1]), hex(reply[7]), checksum(reply))`,
      )
      // Code, then the bits: active, with IPv4 and IPv6; or no such interface.
      expect(out.trim(), err).toBe(`43 123407 ${answer} 0`)
    },
  )

  test('it answers nothing of the kind where that is not switched on (RFC 8335 §4)', async () => {
    const { linux, running } = await kernelAndHost()
    const probe = ['--type', 'probe=eth0', '-c', '1', '-W', '1', '192.0.2.9']
    expect((await tool(linux, process.execPath, ICMP, 'ping', ...probe)).out).toContain('0 received')
    // Whoever has answered this one has seen the other.
    await tool(linux, 'ping', '-n', '-W', '60', '-c', '1', '192.0.2.9')
    expect((await summaryOf(running)).dropped).toMatchObject({ disabled: 1 })
  })
})

test('an address that a Linux neighbour holds is not taken, and the neighbour is named', async () => {
  const linux = host('hl')
  const ours = host('ho')
  cable(linux, ours)
  linux.address('eth0', '192.0.2.9/24')
  linux.address('eth0', '2001:db8::9/64')
  const mac = Buffer.from(linux.netlink.link('eth0')!.address).toString('hex').match(/../g)!.join(':')
  const { code, out } = await start(ours, ['host', '--port', 'eth0=192.0.2.9/24,2001:db8::9/64', ...FAST]).ended
  expect(code).toBe(1)
  expect(events({ out })[0]).toMatchObject({
    kind: 'ready',
    ports: [
      {
        addresses: [],
        conflicts: [
          { address: '192.0.2.9', by: mac },
          { address: '2001:db8::9', by: mac },
        ],
      },
    ],
  })
})

describe('the command', () => {
  test('its lines are for people, SIGQUIT shows the counters, Ctrl-C the last ones', async () => {
    const linux = host('hl')
    const ours = host('ho')
    cable(linux, ours)
    linux.address('eth0', '192.0.2.1/24')
    const running = start(ours, ['host', '--port', 'eth0=192.0.2.9/24', '--conflict-check', 'off'])
    await running.until(/^ready\n {2}eth0 \(.*\): 192\.0\.2\.9\/24/)
    for (let i = 0; i < 3; i++) await tool(linux, 'ping', '-n', '-c', '1', '-W', '60', '192.0.2.9')
    running.signal('SIGQUIT')
    await running.untilError(/^[3-6] {2}answered$/m)
    running.signal('SIGINT')
    const { code, out } = await running.ended
    expect(code).toBe(0)
    expect(out).toMatch(/^[3-6] {2}answered$/m)
  })

  test('started by npx, it ends when that is told to, though npx tells the shell in between and nobody else; the interface is as it was', async () => {
    const linux = host('hl')
    const ours = host('ho')
    cable(linux, ours)
    ours.netlink.setLink(ours.netlink.index('eth0'), { up: false })
    const npx = startProgram(ours, 'npx', ['icmp', 'host', '--port', 'eth0=192.0.2.9/24', ...FAST])
    await npx.until(/"kind":"ready"/)
    expect(ours.netlink.link('eth0')).toMatchObject({ up: true })
    npx.signal('SIGTERM')
    // The pipes are those of the host as well: they close when it has ended.
    const ended = await npx.ended
    expect(events(ended).at(-1)).toMatchObject({ kind: 'summary' })
    expect(ended.err).toContain('icmp: npm, which started this, has gone\n')
    expect(ours.netlink.link('eth0')).toMatchObject({ up: false })
  })

  test.each([
    [['host'], 'no port'],
    [['host', '--port', 'nosuch0=192.0.2.9/24'], 'There is no interface nosuch0'],
    [['host', '--port', 'eth0=192.0.2.9'], 'not an address with its prefix length'],
    [['host', '--port', 'eth0=192.0.2.9/24', '--set', 'ip4.tl=3'], 'ip4.tl: there is no such switch'],
    [['host', '--port', 'eth0=192.0.2.9/24', '--set', '__proto__.x=3'], '--set __proto__.x=3: it must read'],
    [['host', '--port', 'eth0=192.0.2.9/24', '--set', 'ip4.__proto__.x=3'], 'it must read ip4.SWITCH=VALUE'],
    [
      ['host', '--port', 'eth0=192.0.2.9/24', '--kernel', 'eth0=192.0.2.1/24'],
      '--kernel eth0=192.0.2.1/24: it must read',
    ],
    [['host', '--port', 'tun:ik0=192.0.2.9/24', '--kernel', 'ik0=192.0.2.1'], 'not an address with its prefix length'],
    [['host', '--config', '/nowhere.yaml'], '/nowhere.yaml: ENOENT'],
  ])('%j is refused in a line, exit code 2, and nothing is touched', async (args, why) => {
    const ours = host('ho')
    const { code, out, err } = await start(ours, args).ended
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(why)
    expect(err.trim().split('\n')).toHaveLength(1)
  })

  test('without rights it says which are missing', async () => {
    const ours = host('ho')
    const linux = host('hl')
    cable(linux, ours)
    const args = ['host', '--port', 'eth0=192.0.2.9/24']
    const { code, err } = await start(ours, args, nobody()).ended
    expect(code).toBe(2)
    expect(err).toMatch(/CAP_NET_RAW|CAP_NET_ADMIN|root/)
  })
})
