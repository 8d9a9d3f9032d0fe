import { spawnSync } from 'node:child_process'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openTun, type Tun, type TunOptions } from '../../packages/icmpkit/src/os/tun.ts'
import { probeByUdp, unusedUdpPort } from '../../packages/icmpkit/src/os/udp-error.ts'
import { waker } from '../../packages/icmpkit/src/os/waker.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { nobody } from '../nobody.ts'
import { type Host, host, ip, needsRoot, pair } from './testnet.ts'

beforeEach(needsRoot)

/** scapy: IP(src='192.0.2.2', dst='192.0.2.1', id=1)/ICMP(id=1, seq=7). */
const ECHO = unhex('4500001c000100004001f6dcc0000202c00002010800f7f700010007')

function tunOf(h: Host, options: TunOptions = {}): Tun {
  const tun = h.inside(() => openTun(options))
  onTestFinished(() => tun.close())
  h.netlink.setLink(tun.name, { addrGenMode: 'none', up: true })
  return tun
}

test('what is written the kernel receives, and what it answers is read', async () => {
  const h = host('tun')
  const tun = tunOf(h)
  h.address(tun.name, '192.0.2.1/24')
  expect(tun.name).toBe('tun0')
  expect(tun.write(ECHO)).toBe(true)
  const answer = new Uint8Array(2048)
  const waiting = waker().wait([tun], false, Number.POSITIVE_INFINITY)
  await waiting.done
  const got = tun.read(answer)
  // Addresses swapped, type 0, the checksum 0x0800 more (RFC 1624); the identification is the kernel's.
  expect(hex(answer, 12, got)).toBe('c0000201c00002020000fff700010007')
  expect(tun.read(answer)).toBe(0)
})

test('a TAP carries frames, a TUN packets, and each is named as asked', () => {
  const h = host('tun')
  expect(tunOf(h, { mode: 'tap', name: 'port%d' }).name).toBe('port0')
  expect(tunOf(h, { name: 'wire' }).name).toBe('wire')
  expect(h.netlink.links().map((l) => [l.name, l.type, l.hardware])).toEqual([
    ['lo', undefined, 772],
    ['port0', 'tun', 1],
    ['wire', 'tun', 0xfffe],
  ])
})

test('the interface goes when it is closed, and closing twice is fine', () => {
  const h = host('tun')
  const tun = h.inside(() => openTun())
  tun.close()
  tun.close()
  expect(h.netlink.links()).toHaveLength(1)
})

test('what cannot be is refused with a reason', () => {
  const h = host('tun')
  const tun = tunOf(h, { name: 'one' })
  expect(() => h.inside(() => openTun({ name: 'one' }))).toThrow(/EBUSY.*Another program holds/)
  expect(() => h.inside(() => openTun({ name: 'sixteen-octets-x' }))).toThrow(RangeError)
  expect(() => h.inside(() => openTun({ name: '' }))).toThrow(RangeError)
  h.netlink.setLink('one', { up: false })
  expect(() => tun.write(ECHO)).toThrow(/EIO.*The interface is down/)
})

test('without rights the refusal names them', () => {
  const tun = new URL('../../packages/icmpkit/src/os/tun.ts', import.meta.url)
  const script = `import { openTun } from '${tun}'; try { openTun() } catch (e) { console.log(e.message) }`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', ...nobody() })
  // The device may be open to all, as on most desktops, or to root alone.
  expect(stdout).toMatch(/EACCES.*chmod 0666|EPERM.*CAP_NET_ADMIN/)
})

test('a UDP datagram to a closed port draws Port Unreachable with its sender, of both families', async () => {
  const { a } = pair()
  for (const [address, type, code] of [
    ['192.0.2.2', 3, 3],
    ['2001:db8::2', 1, 4],
  ] as const) {
    const dst = ip(address)
    const probe = await a.inside(() => ({ asked: probeByUdp(dst, 33434, new Uint8Array(8)) })).asked
    expect(probe).toMatchObject({ dst, dstPort: 33434, error: { origin: 'icmp', type, code, from: dst } })
  }
})

test('a UDP datagram that nobody answers ends by its time-out, and no route is an error', async () => {
  const { a, b } = pair()
  // b lets it in and says nothing: its kernel has no such address, and no error leaves for a neighbour that is silent.
  a.netlink.addNeighbour({ index: a.netlink.index('eth0'), address: ip('192.0.2.77'), lladdr: unhex('020000000099') })
  const before = performance.now()
  const probe = await a.inside(() => ({ asked: probeByUdp(ip('192.0.2.77'), 9, new Uint8Array(8), 80) })).asked
  expect(probe.error).toBeUndefined()
  expect(performance.now() - before).toBeGreaterThanOrEqual(79)
  await expect(a.inside(() => ({ asked: probeByUdp(ip('8.8.8.8'), 9, new Uint8Array(8)) })).asked).rejects.toThrow(
    /ENETUNREACH.*There is no route/,
  )
  expect(b.inside(() => unusedUdpPort(4))).toBeGreaterThan(1023)
})
