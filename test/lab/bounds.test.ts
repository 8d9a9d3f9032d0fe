/** No table grows past its bound, whoever speaks: floods of strangers into a host and a gateway of a lab. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, expect, test } from 'vitest'
import { type Lab, lab } from '../../packages/icmpkit/src/lab/index.ts'
import type { Ip } from '../../packages/icmpkit/src/wire/addr.ts'
import { IpTable } from '../../packages/icmpkit/src/wire/ip-table.ts'
import { octetsOf } from '../scenario/packet.ts'
import { Flood, KINDS, SOURCES, type Victim } from './flood.ts'

/** The largest that any address table in the process was: all tables keyed by an address are of this class. */
let largest = 0
const set = IpTable.prototype.set
IpTable.prototype.set = function (this: IpTable, ip: Ip, value: number): boolean {
  const done = set.call(this, ip, value)
  largest = Math.max(largest, this.size)
  return done
}
afterAll(() => {
  IpTable.prototype.set = set
})

const BOUND = 200
/** Tables whose bound is no setting: redirects and worked-out next hops (4096), addresses, groups, routers. */
const FIXED = 4096

function network(): Lab {
  largest = 0
  const settings = {
    ip4: { arp: { entries: BOUND, incomplete: 50 }, reassemblyDatagrams: 50, pathMtu: { entries: BOUND } },
    ip6: { neighbourLimit: BOUND, unresolvedLimit: 50, reassembly: { datagrams: 50 }, pathMtu: { entries: BOUND } },
  }
  const net = lab({
    nodes: { x: 'host', h: { kind: 'host', ...settings }, r: { kind: 'gateway', ...settings } },
    links: [
      [
        'x',
        'h',
        'r',
        {
          addresses: {
            x: ['10.0.0.1/8', '2001:db8::1/32'],
            h: ['10.0.0.2/8', '2001:db8::2/32'],
            r: ['10.0.0.3/8', '2001:db8::3/32'],
          },
        },
      ],
    ],
  })
  net.run(20_000)
  return net
}

function victim(net: Lab, name: 'h' | 'r'): Victim {
  const last = name === 'h' ? 2 : 3
  return { mac: net.node(name).node.ports.get(1)!.mac, ip4: `10.0.0.${last}`, ip6: `2001:db8::${last}` }
}

for (const name of ['h', 'r'] as const) {
  for (const sources of SOURCES) {
    test(`a ${name === 'h' ? 'host' : 'gateway'} flooded by sources ${sources} keeps its tables within their bounds, and answers as before`, () => {
      const net = network()
      const flood = new Flood(1, sources, victim(net, name))
      const used: number[] = []
      for (let round = 0; round < 6; round++) {
        for (let i = 0; i < 3000; i++) {
          net.node('x').inject(net.now, 1, flood.frame(KINDS[i % KINDS.length]!))
          if (i % 10 === 0) net.run(net.now + 1)
        }
        net.run(net.now + 1000)
        expect(largest).toBeLessThanOrEqual(FIXED)
        const { node } = net.node(name)
        expect(node.ip4.arp.entries().length).toBe(BOUND)
        used.push(memory())
      }
      // Nothing that the bounds do not speak of grows either.
      expect(used[5]! - used[2]!).toBeLessThan(GROWTH)
      expect(answers(net, victim(net, name))).toEqual([0, 129])
    })
  }
}

/** Types of the ICMP messages that x gets for an echo request of each family. */
function answers(net: Lab, v: Victim): number[] {
  const seen: number[] = []
  net.tap('x-h-r', (p) => {
    if (p.to !== 'x') return
    const four = p.bytes[p.at + 12] === 0x08 && p.bytes[p.at + 13] === 0
    const six = p.bytes[p.at + 12] === 0x86
    if (four && p.bytes[p.at + 14 + 9] === 1) seen.push(p.bytes[p.at + 34]!)
    if (six && p.bytes[p.at + 14 + 6] === 58 && p.bytes[p.at + 54]! < 130) seen.push(p.bytes[p.at + 54]!)
  })
  const mac = net.node('x').node.ports.get(1)!.mac
  for (const [to, from, etherType] of [
    [v.ip4, '10.0.0.1', [8, 0]],
    [v.ip6, '2001:db8::1', [0x86, 0xdd]],
  ] as const) {
    const packet = octetsOf({ to, carries: { kind: 'echo' } }, from)
    net.node('x').inject(net.now, 1, Uint8Array.from([...v.mac, ...mac, ...etherType, ...packet]))
    net.run(net.now + 100)
  }
  return seen
}

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Three rounds whose 1,200 fragments were kept would cost more than twice this. */
const GROWTH = 300_000

/** Octets in use behind a full collection, those outside the heap too. */
function memory(): number {
  gc()
  gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
