/**
 * A middlebox that answers echo requests for others, dead hosts among them, as firewalls and load balancers do. It takes
 * them where a router would forward them: a TTL that ends here ends.
 */
import type { Instant } from '../clock.ts'
import { isIn, type Prefix } from '../stack/filter.ts'
import type { Port } from '../stack/port.ts'
import { readIp4, readIp6 } from '../wire/addr.ts'
import { update } from '../wire/checksum.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { put16, u16 } from '../wire/octets.ts'
import { type Behaviour, crosses, endsHere, type Packet } from './behaviour.ts'
import { echoAt, ipAt } from './frame-view.ts'
import type { LabNode } from './lab-node.ts'
import { parsePrefix } from './topology.ts'

export class EchoFor implements Behaviour {
  readonly takes = 'middlebox: answered in its stead'
  readonly #at: LabNode
  readonly #prefixes: readonly Prefix[]

  constructor(prefixes: readonly string[], at: LabNode, where: string) {
    this.#at = at
    this.#prefixes = prefixes.map((text) => {
      const { address, prefixLength } = parsePrefix(text, where)
      return { prefix: address, prefixLength }
    })
  }

  comes(now: Instant, { bytes, at, end }: Packet, port: Port): boolean {
    const ip = ipAt(port.medium, bytes, at, end)
    const echo = ip < 0 ? -1 : echoAt(bytes, ip, end)
    if (echo < 0 || !crosses(this.#at.node, bytes, ip, port)) return true
    const four = bytes[ip]! >>> 4 === 4
    if (endsHere(bytes, ip)) return true
    const dst = four ? readIp4(bytes, ip + 16) : readIp6(bytes, ip + 24)
    if (!this.#prefixes.some((p) => isIn(dst, p))) return true
    const was = u16(bytes, echo)
    put16(bytes, echo, (four ? icmp4.Type.echoReply : icmp6.Type.echoReply) << 8)
    put16(bytes, echo + 2, update(u16(bytes, echo + 2), was, u16(bytes, echo)))
    if (four) {
      ip4.swapAddresses(bytes, ip)
      ip4.setTtl(bytes, ip, TTL)
    } else {
      ip6.swapAddresses(bytes, ip)
      ip6.setHopLimit(bytes, ip, TTL)
    }
    if (port.medium === 'ethernet') {
      bytes.copyWithin(at, at + 6, at + 12)
      bytes.set(port.mac, at + 6)
    }
    this.#at.node.counters.answered++
    this.#at.inject(now, port.index, bytes, at, end)
    return false
  }
}

const TTL = 64
