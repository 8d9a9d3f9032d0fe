import { expect, test } from 'vitest'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { checksum, datagram, echo, icmp, pattern, quad, read, udp } from '../../../../../test/stack/packet4.ts'

const A = '192.0.2.9'
const B = '198.51.100.9'
const ME = '192.0.2.1'

/** What real datagrams look like, so that mutated ones get deep. */
function seeds(): Uint8Array[] {
  const out: Uint8Array[] = []
  const routes = [`070b04${'00'.repeat(8)}00`, `440c0501${'00'.repeat(8)}`, '94040000']
  const sourceRoutes = [`830b04${quad(B)}${quad(A)}00`, `890708${quad(A)}00`]
  for (const [src, dst] of [
    [A, ME],
    [A, B],
    [A, '203.0.113.7'],
    [A, '192.0.2.255'],
    [A, '224.0.0.1'],
    ['0.0.0.0', '255.255.255.255'],
    [B, '192.0.2.1'],
  ] as const) {
    const f = { src, dst }
    for (const options of ['', ...routes, ...sourceRoutes])
      out.push(echo({ ...f, options }, 20), udp({ ...f, options }, 9))
    out.push(udp({ ...f, ttl: 1 }, 40), udp({ ...f, df: true }, 1300), datagram({ ...f, protocol: 253 }, pattern(5)))
    out.push(datagram({ ...f, protocol: 1, mf: true }, icmp(8, 0, '00010001', pattern(32))))
    out.push(datagram({ ...f, protocol: 1, offset: 40 }, pattern(8)))
    for (const type of [3, 4, 5, 11, 12, 40]) {
      out.push(datagram({ ...f, protocol: 1 }, icmp(type, 0, '00000500', udp({ src: dst, dst: src }, 8))))
    }
    for (const type of [0, 9, 10, 13, 14, 15, 17, 18, 30, 41, 42, 43, 200, 253]) {
      out.push(datagram({ ...f, protocol: 1 }, icmp(type, 0, '01020000', pattern(16))))
    }
  }
  return out
}

/** A generator of its own, so that a failure is the same failure again. */
function dice(seed: number): (below: number) => number {
  let s = seed
  return (below) => {
    s = (Math.imul(s, 1664525) + 1013904223) | 0
    return ((s >>> 8) * below) >>> 24
  }
}

/** Checksums and length made right, so that they are not the reason to stop. */
function mend(p: Uint8Array): void {
  const header = (p[0]! & 15) * 4
  if (header < 20 || p.length < header) return
  p[2] = p.length >> 8
  p[3] = p.length & 255
  const put = (at: number, sum: number) => p.set([sum >> 8, sum & 255], at)
  put(10, 0)
  put(10, checksum(p, 0, header))
  if (p[9] !== 1 || p.length < header + 8) return
  put(header + 2, 0)
  put(header + 2, checksum(p, header))
}

/** Rises with whatever becomes of a datagram: dropped, answered, forwarded, delivered, kept for reassembly. */
function counted(n: OneNode): number {
  const { answered, forwarded, delivered, dropped, malformed, suppressed, errorsSent, errorsReceived } = n.node.counters
  let total = answered + forwarded + delivered + n.node.ip4.reassembly.octets / 1_000_000
  for (const words of [dropped, malformed, suppressed, errorsSent, errorsReceived]) {
    for (const times of Object.values(words)) total += times
  }
  return total
}

const address = (bytes: Uint8Array, at: number): string => [...bytes.subarray(at, at + 4)].join('.')

/** Errors that provoke no error (RFC 1122 §3.2.2). */
const ERRORS = [3, 4, 5, 11, 12]

test.each(['host', 'gateway'] as const)(
  'no datagram, random or mutated, makes a %s throw, vanishes uncounted, or is answered by an error that must not be (RFC 1122 §3.2.2)',
  (role) => {
    const n = new OneNode({
      role,
      ports: [
        port(1, { medium: 'ip', addresses: [`${ME}/24`] }),
        port(2, { medium: 'ip', addresses: ['198.51.100.1/24'], mtu: 1000 }),
      ],
      ip4: {
        sourceRoutes: 'forward',
        echoBroadcast: true,
        routes: [{ prefix: ip4('203.0.113.0'), prefixLength: 24, kind: 'unicast', nextHop: ip4(B), port: 2 }],
        reassemblyDatagrams: 32,
        reassemblyOctets: 1 << 18,
        errorLimit: { rate: 50, burst: 20 },
      },
    })
    n.run(10_000)
    n.taken()
    const roll = dice(role === 'host' ? 1 : 2)
    const all = seeds()
    const rounds = 20_000
    let quoted = 0
    for (let i = 0; i < rounds; i++) {
      const p = all[roll(all.length)]!.slice(0)
      for (let changes = roll(4); changes > 0; changes--) p[roll(p.length)] = roll(256)
      const q = roll(8) === 0 ? p.slice(0, roll(p.length + 1)) : p
      if (roll(4) > 0) mend(q)
      const link = (['host', 'host', 'host', 'multicast', 'broadcast'] as const)[roll(5)]!
      const before = counted(n)
      n.give(q, { link, port: 1 + roll(2) })
      expect(counted(n)).not.toBe(before)
      for (const { bytes } of n.taken()) {
        const from = address(bytes, 12)
        if (bytes[0]! >> 4 !== 4 || (from !== ME && from !== '198.51.100.1')) continue
        const r = read(bytes)
        if (r.protocol !== 1 || r.offset !== 0 || r.mf || !ERRORS.includes(r.type)) continue
        quoted++
        const about = r.rest
        expect(r.length).toBeLessThanOrEqual(576)
        expect([link, ((about[6]! & 31) << 8) | about[7]!]).toEqual(['host', 0])
        expect(about[9] === 1 && ERRORS.includes(about[(about[0]! & 15) * 4]!)).toBe(false)
        expect(address(about, 16)).not.toMatch(/^(22[4-9]|23\d)\.|^255(\.255){3}$|^(192\.0\.2|198\.51\.100)\.(0|255)$/)
        expect(address(about, 12)).not.toMatch(/^(0|127|22[4-9]|2[3-5]\d)\.|^(192\.0\.2|198\.51\.100)\.(0|255)$/)
      }
      if (i % 100 === 0) n.run(20)
    }
    const { counters } = n.node
    expect(counters.received).toBe(rounds)
    expect(n.node.ip4.reassembly.size).toBeLessThanOrEqual(32)
    expect(n.node.ip4.reassembly.octets).toBeLessThanOrEqual(1 << 18)
    // 200 turns of 20 ms, fifty a second and twenty at once, of two ports.
    const sent = Object.values(counters.errorsSent).reduce((a, b) => a + b, 0)
    expect(sent).toBeGreaterThan(100)
    expect(sent).toBeLessThanOrEqual(2 * (20 + 50 * 4 + 1))
    expect(quoted).toBeGreaterThan(100)
    // Afterwards it still answers, at once.
    expect(n.give(echo({})).map((b) => read(b).type)).toEqual([0])
  },
)
