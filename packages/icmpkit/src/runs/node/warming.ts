/**
 * What a node does while it polls busily: now and then it answers an echo of its own making, by a door and a stack of its
 * own, so that the code is compiled and caches are warm when somebody's echo comes. An echo a tenth of a second after the last
 * costs ten times as much otherwise (docs/decisions/node-speed.md). Nothing of it leaves, and nothing of it is counted.
 */
import type { Clock } from '../../clock.ts'
import type * as os from '../../os/index.ts'
import { type Counters, Node, type PortAddress, type PortConfig } from '../../stack/index.ts'
import type { Ip, Ip4, Ip6 } from '../../wire/addr.ts'
import * as arp from '../../wire/arp.ts'
import * as ethernet from '../../wire/ethernet.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import * as ip4 from '../../wire/ip4.ts'
import * as ip6 from '../../wire/ip6.ts'
import type { RunningPort } from './port.ts'

export interface Warming {
  /** A door that has something, to be read as soon as may be. */
  next(): os.Pollable
  /** Of the stack that answers: nobody else's. */
  readonly counters: Counters
}

/** undefined where no port is an Ethernet of the kernel's with an address. */
export function warmingOf(
  ports: readonly RunningPort[],
  configs: readonly PortConfig[],
  clock: Clock,
): Warming | undefined {
  for (const [i, port] of ports.entries()) {
    const { addresses = [] } = configs[i]!
    const play = addresses.length === 0 ? undefined : warming(port, addresses, clock)
    if (play !== undefined) return play
  }
  return undefined
}

function warming(port: RunningPort, addresses: readonly PortAddress[], clock: Clock): Warming | undefined {
  const { index, config, mac, mtu } = port
  const node = new Node({
    role: 'host',
    ports: [{ index, name: config.name, medium: 'ethernet', mac, mtu, addresses: [...addresses] }],
    ip4: { arpProbe: { count: 0 } },
    ip6: { dadTransmits: 0, acceptAdvertisements: false },
    random: Math.random,
    wall: (at) => clock.wall(at),
  })
  const stage = port.warming(node)
  if (stage === undefined) return undefined
  const { door, arrive } = stage
  node.start(clock.now())
  const asked = addresses.map((a) => {
    const from = neighbour(a)
    return { hello: hello(a.address, from, mac), echo: echo(a.address, from, mac) }
  })
  let turn = 0
  const next = () => {
    const { hello, echo } = asked[turn % asked.length]!
    // The neighbour is to be known, and known to be alive.
    const first = Math.floor(turn / asked.length) % HELLO === 0
    turn++
    if (first) {
      const now = clock.now()
      node.handleTimeout(now)
      door.send(now, node)
      while (node.pollEvent() !== undefined);
    }
    arrive(first ? hello : echo)
    return door
  }
  return { next, counters: node.counters }
}

/** Who is `to`?, asked by its neighbour. */
function hello(to: Ip, from: Ip, mac: Uint8Array): Uint8Array {
  const out = new Uint8Array(128)
  if (typeof to === 'number') {
    const at = ethernet.write({ dstMac: mac, srcMac: NEIGHBOUR, etherType: ethernet.EtherType.arp }, out, 0)
    const { request } = arp.Operation
    const m = { hardware: 1, operation: request, senderMac: NEIGHBOUR, targetMac: new Uint8Array(6), target: to }
    return out.subarray(0, arp.write({ kind: 'arp', ...m, sender: from as Ip4 }, out, at))
  }
  const options = [{ kind: 'sourceLinkLayer', linkLayerAddress: NEIGHBOUR }] as const
  return packet6(out, mac, from as Ip6, to, {
    kind: 'neighborSolicitation',
    code: 0,
    target: to,
    options: [...options],
  })
}

/** An echo request as ping sends it: 56 octets of data. */
function echo(to: Ip, from: Ip, mac: Uint8Array): Uint8Array {
  const out = new Uint8Array(128)
  const m = { kind: 'echoRequest', code: 0, id: 0, seq: 0, data: new Uint8Array(56) } as const
  if (typeof to === 'bigint') return packet6(out, mac, from as Ip6, to, m)
  let at = ethernet.write({ dstMac: mac, srcMac: NEIGHBOUR, etherType: ethernet.EtherType.ip4 }, out, 0)
  at = ip4.write({ protocol: 1, src: from as Ip4, dst: to, df: true }, out, at, icmp4.size(m))
  return out.subarray(0, icmp4.write(m, out, at))
}

function packet6(out: Uint8Array, mac: Uint8Array, src: Ip6, dst: Ip6, m: icmp6.Message): Uint8Array {
  let at = ethernet.write({ dstMac: mac, srcMac: NEIGHBOUR, etherType: ethernet.EtherType.ip6 }, out, 0)
  at = ip6.write({ protocol: 58, hopLimit: 255, src, dst }, out, at, icmp6.size(m))
  return out.subarray(0, icmp6.write(m, out, at, src, dst))
}

/** Another address of the same link, and neither that of the link itself nor everybody's. */
function neighbour({ address, prefixLength }: PortAddress): Ip {
  const bits = typeof address === 'bigint' ? 128 : 32
  const hosts = (1n << BigInt(bits - prefixLength)) - 1n
  const candidates = [1n, 2n, 3n].map((flip) => BigInt(address) ^ flip)
  const usual = candidates.find((c) => (c & hosts) !== 0n && (c & hosts) !== hosts) ?? candidates[0]!
  return (typeof address === 'bigint' ? usual : Number(usual)) as Ip
}

/** Of a locally administered kind; nobody hears of it. */
const NEIGHBOUR = Uint8Array.of(2, 0, 0, 0, 0, 1)
/** Every so many frames a neighbour is made known again. */
const HELLO = 100
