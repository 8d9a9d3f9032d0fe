/** What of a quote a Linux workstation looks at before it believes the error: the four numbers of the flow, and little else. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Family, writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { put16 } from '../../packages/icmpkit/src/wire/octets.ts'
import { KernelSocket } from './kernel-socket.ts'
import { counters, type Flow, NoticeNetwork, notice, quoteOf, SERVER, SILENT } from './notice-network.ts'
import { ip, needsRoot } from './testnet.ts'

let net: NoticeNetwork

beforeAll(() => {
  if (process.getuid?.() === 0) net = new NoticeNetwork()
})
afterAll(() => net?.[Symbol.dispose]())
beforeEach((ctx) => needsRoot(ctx))

type Change = (quote: Uint8Array) => Uint8Array | undefined
interface Case {
  what: string
  /** Changes the quote, or gives another. */
  change?: Change
  /** Of the error's own packet. */
  outer?: { from?: string; broken?: boolean }
  believed: boolean
}

const at =
  (offset: number, ...octets: number[]): Change =>
  (q) => {
    q.set(octets, offset)
    return undefined
  }
const cut =
  (octets: number): Change =>
  (q) =>
    q.subarray(0, octets)
const address =
  (offset: number, text: string): Change =>
  (q) => {
    writeIp(ip(text), q, offset)
    return undefined
  }

/** Where the transport begins in the quote. */
const transportAt = (family: Family) => (family === 4 ? 20 : 40)

function cases(family: Family): Case[] {
  const t = transportAt(family)
  const src = family === 4 ? 12 : 8
  const dst = family === 4 ? 16 : 24
  const port: (offset: number) => Change = (offset) => (q) => {
    put16(q, offset, ((q[offset]! << 8) | q[offset + 1]!) ^ 1)
    return undefined
  }
  return [
    { what: 'nothing', believed: true },
    { what: 'all but eight octets of UDP cut off', change: cut(t + 8), believed: true },
    { what: 'one octet of UDP less', change: cut(t + 7), believed: false },
    { what: 'the ports alone', change: cut(t + 4), believed: false },
    { what: 'another protocol', change: at(family === 4 ? 9 : 6, 6), believed: false },
    { what: "another workstation's address", change: address(src, SILENT[family]), believed: false },
    { what: "another server's address", change: address(dst, SILENT[family]), believed: false },
    { what: "the workstation's port", change: port(t), believed: false },
    { what: "the server's port", change: port(t + 2), believed: false },
    { what: 'the UDP length', change: at(t + 4, 0xff, 0xff), believed: true },
    { what: 'the UDP checksum', change: at(t + 6, 0xde, 0xad), believed: true },
    { what: "the error's own source", outer: { from: SILENT[family] }, believed: true },
    { what: "the error's own checksum", outer: { broken: true }, believed: false },
    ...(family === 4
      ? [
          { what: 'the TOS', change: at(1, 0xff), believed: true },
          { what: 'the total length', change: at(2, 0xff, 0xff), believed: true },
          { what: 'the identification', change: at(4, 0xbe, 0xef), believed: true },
          { what: 'the fragment offset', change: at(6, 0x00, 0x01), believed: true },
          { what: 'a TTL of zero', change: at(8, 0), believed: true },
          { what: 'the header checksum', change: at(10, 0xde, 0xad), believed: true },
        ]
      : [
          { what: 'traffic class and flow label', change: at(0, 0x6f, 0xff, 0xff, 0xff), believed: true },
          { what: 'the payload length', change: at(4, 0xff, 0xff), believed: true },
          { what: 'a hop limit of zero', change: at(7, 0), believed: true },
        ]),
  ]
}

describe.each([4, 6] as const)('IPv%i, UDP, changed in the quote:', (family) => {
  const [type, code] = family === 4 ? ([3, 3] as const) : ([1, 4] as const)
  const all = cases(family)
  let read: (number | string)[]

  beforeAll(() => {
    if (net === undefined) return
    const sockets = all.map(() => new KernelSocket(net.client, 'udp', family).connect(SERVER[family], 5000))
    net.deliver(
      sockets.map((s, i) => {
        const flow: Flow = { protocol: 'udp', family, port: s.port, server: SERVER[family], serverPort: 5000 }
        const quote = quoteOf(flow)
        return notice(family, type, code, all[i]!.change?.(quote) ?? quote, all[i]!.outer)
      }),
    )
    read = sockets.map((s) => s.receive())
    for (const s of sockets) s.close()
  })

  test.each(all.map((c, i) => ({ ...c, i })))('$what: believed $believed', ({ i, believed }) => {
    expect(read[i]).toBe(believed ? 'ECONNREFUSED' : 'EAGAIN')
  })
})

test('an error without a socket of ours is counted, not answered', () => {
  const flow: Flow = { protocol: 'udp', family: 4, port: 9, server: SERVER[4], serverPort: 5000 }
  const before = counters(net.client)
  net.deliver([notice(4, 3, 3, quoteOf(flow))])
  const after = counters(net.client)
  expect(after.get('Icmp.InErrors')! - before.get('Icmp.InErrors')!).toBe(1)
  expect(after.get('Icmp.OutMsgs')).toBe(before.get('Icmp.OutMsgs'))
})
