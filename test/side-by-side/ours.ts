/** The stack between two point-to-point links, set up as the kernel beside it is: see stimuli.py. */
import type { Route } from '../../packages/icmpkit/src/stack/index.ts'
import type { Ip, Ip4, Ip6 } from '../../packages/icmpkit/src/wire/addr.ts'
import { parseIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { OneNode, port } from '../stack/one-node.ts'
import type { Answer } from './answer.ts'

export const ADDRESSES = { A: ['192.0.2.1/24', '2001:db8:a::1/64'], B: ['198.51.100.1/24', '2001:db8:b::1/64'] }
export const MTU = { A: 1500, B: 1280 }
export const REFUSED = {
  unreachable: ['10.1.0.0/16', '2001:db8:1::/48'],
  prohibit: ['10.2.0.0/16', '2001:db8:2::/48'],
  blackhole: ['10.3.0.0/16', '2001:db8:3::/48'],
} as const

/** What the stack answers to each packet, in order. */
export class Ours {
  readonly #node: OneNode

  constructor(role: 'host' | 'gateway') {
    const unlimited = { rate: Number.POSITIVE_INFINITY, burst: 1 }
    const routes = Object.entries(REFUSED).flatMap(([kind, prefixes]) =>
      prefixes.map((p) => route(p, kind as Route<Ip>['kind'])),
    )
    this.#node = new OneNode({
      role,
      ports: [
        port(1, { medium: 'ip', addresses: ADDRESSES.A, mtu: MTU.A }),
        port(2, { medium: 'ip', addresses: ADDRESSES.B, mtu: MTU.B }),
      ],
      ip4: { errorLimit: unlimited, routes: routes.filter((r) => typeof r.prefix === 'number') as Route<Ip4>[] },
      ip6: { errorLimit: unlimited, routes: routes.filter((r) => typeof r.prefix === 'bigint') as Route<Ip6>[] },
    })
    this.#node.run(30_000)
    this.#node.taken()
  }

  ask(packets: readonly Uint8Array[]): Answer[] {
    const answers: Answer[] = []
    for (const packet of packets) {
      this.#node.give(packet, { port: 1 })
      for (const s of this.#node.taken()) answers.push({ port: s.port === 1 ? 'A' : 'B', bytes: s.bytes })
    }
    return answers
  }
}

function route(text: string, kind: Route<Ip>['kind']): Route<Ip> {
  const [prefix, length] = text.split('/')
  return {
    prefix: parseIp(prefix!)!,
    prefixLength: Number(length),
    kind,
    nextHop: undefined,
    port: -1,
    origin: 'static',
    metric: 0,
  }
}
