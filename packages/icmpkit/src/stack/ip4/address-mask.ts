/**
 * Address mask (RFC 950 appendix I, RFC 1122 §3.2.2.9, RFC 1812 §4.3.3.9): an authoritative agent answers, a host that
 * was not told its mask asks. Deprecated (RFC 6918 §2.4), so both are off unless the settings say otherwise.
 */
import type { Instant } from '../../clock.ts'
import { ANY4, BROADCAST4, type Ip4, showIp } from '../../wire/addr.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import type * as ip4 from '../../wire/ip4.ts'
import { shared } from '../defaults.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { Timer } from '../timers.ts'
import { TokenBucket } from '../token-bucket.ts'
import { type Address4, broadcastOf } from './addresses.ts'
import { ADDRESS_MASK_DEFAULTS, type AddressMaskSettings } from './control-settings.ts'
import type { Ip4Layer } from './layer.ts'

type Network = Pick<Address4, 'address' | 'prefixLength'>

/** An address whose mask is asked for. */
interface Asking {
  address: Ip4
  port: Port
  left: number
  timer: Timer
}

export class AddressMasks4 {
  readonly #node: Node
  readonly #layer: Ip4Layer
  #settings: AddressMaskSettings
  readonly #asking: Asking[] = []
  readonly #log = new TokenBucket({ rate: 1, burst: 10 })
  #id = 0

  constructor(node: Node, layer: Ip4Layer) {
    this.#node = node
    this.#layer = layer
    this.#settings = shared(ADDRESS_MASK_DEFAULTS, layer.settings.addressMask)
  }

  /** The prefix length that an address begins with: of its class where it is to be asked for. */
  initial(port: Port, address: Ip4, prefixLength: number): number {
    if (!this.#settings.client || this.#node.role !== 'host' || prefixLength !== 0) return prefixLength
    const asking: Asking = {
      address,
      port,
      left: MAX_REQUESTS,
      timer: new Timer(this.#node.timers, (now) => this.#ask(now, asking)),
    }
    this.#asking.push(asking)
    return classOf(address)
  }

  /** An address is ready: its mask is asked for, or told. */
  ready(now: Instant, port: Port, address: Ip4): void {
    const asking = this.#asking.find((a) => a.port === port && a.address === address)
    if (asking !== undefined && asking.left > 0) asking.timer.set(now)
    const own = this.#layer.addresses.find(port, address)
    if (own === undefined || !this.#settings.agent || !this.#settings.agentAnnounces || !this.#answersFor(own)) return
    // Where one network holds the other, hosts of the smaller would take the wrong mask.
    const nested = [...port.addresses, ...this.#layer.addresses.of(port)].some(
      (a) => typeof a.address !== 'bigint' && a.prefixLength !== own.prefixLength && overlap(a as Network, own),
    )
    if (!nested) this.#tell(now, own, this.#broadcast(own), 0, 0)
  }

  /** Other settings: an agent begins or ends to answer. Whose mask is asked for stays as it was. */
  reconfigured(): void {
    this.#settings = shared(ADDRESS_MASK_DEFAULTS, this.#layer.settings.addressMask)
  }

  close(): void {
    for (const a of this.#asking) a.timer.stop()
  }

  request(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): void {
    const { counters } = this.#node
    if (m.kind !== 'addressMaskRequest') return
    if (m.code !== 0) {
      counters.drop('bad-code')
      return
    }
    if (!this.#settings.agent) {
      counters.drop('disabled')
      return
    }
    const own = this.#subnetOf(d.port, h.src)
    if (own === undefined || !this.#answersFor(own)) {
      counters.drop('disabled')
      return
    }
    counters.answered++
    this.#tell(now, own, h.src === ANY4 ? this.#broadcast(own) : h.src, m.id, m.seq)
  }

  /** Whose mask is meant. Somebody without an address may be in any subnet of the wire: there must be one mask (RFC 1812). */
  #subnetOf(port: Port, src: Ip4): Address4 | undefined {
    const ready = this.#readyOn(port)
    if (src !== ANY4) return ready.find((a) => isIn(a, src))
    return ready.every((a) => a.prefixLength === ready[0]!.prefixLength) ? ready[0] : undefined
  }

  #tell(now: Instant, own: Address4, dst: Ip4, id: number, seq: number): void {
    const payload = new Uint8Array(LENGTH)
    const m = { kind: 'addressMaskReply', code: 0, id, seq, mask: maskOf(own.prefixLength), trailing: NOTHING } as const
    icmp4.write(m, payload, 0)
    this.#layer.send(now, { dst, src: own.address, protocol: icmp4.PROTOCOL, payload, port: own.port })
  }

  /** A router says the network's own broadcast (RFC 1812 §4.3.3.9); a host all ones, which who knows no mask hears too. */
  #broadcast(own: Address4): Ip4 {
    return this.#node.role === 'gateway' ? (broadcastOf(own) ?? BROADCAST4) : BROADCAST4
  }

  #answersFor(own: Address4): boolean {
    return !this.#settings.agentExcept.includes(own.address)
  }

  #ask(now: Instant, a: Asking): void {
    a.left--
    const payload = new Uint8Array(LENGTH)
    this.#id = (this.#id + 1) & 0xffff
    const m = { kind: 'addressMaskRequest', code: 0, id: this.#id, seq: 0, mask: ANY4, trailing: NOTHING } as const
    icmp4.write(m, payload, 0)
    const { address, port } = a
    this.#layer.send(now, { dst: BROADCAST4, src: address, protocol: icmp4.PROTOCOL, payload, port })
    if (a.left > 0) a.timer.set(now + REQUEST_INTERVAL)
  }

  reply(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): void {
    if (m.kind !== 'addressMaskReply') return
    const { counters } = this.#node
    if (m.code !== 0) {
      counters.drop('bad-code')
      return
    }
    if (this.#node.role === 'gateway') {
      this.#compare(now, d, h, m.mask)
      return
    }
    const i = this.#asking.findIndex((a) => a.port === d.port)
    const prefixLength = prefixOf(m.mask)
    if (i < 0 || prefixLength === undefined) {
      counters.drop(i < 0 ? 'unsolicited' : 'ignored')
      return
    }
    // The first one counts, asked for or not; the next finds nobody who wants to know (§3.2.2.9).
    const [asking] = this.#asking.splice(i, 1)
    asking!.timer.stop()
    this.#adopt(now, asking!, prefixLength)
  }

  #adopt(now: Instant, { address, port }: Asking, prefixLength: number): void {
    const own = this.#layer.addresses.find(port, address)
    if (own === undefined || own.prefixLength === prefixLength) return
    const was = own.state
    if (was === 'ready') this.#layer.addressLost(now, port, own)
    own.prefixLength = prefixLength
    if (was === 'ready') this.#layer.addressReady(now, port, own)
  }

  /** A router learns no mask; it tells of one that is not its own (RFC 1812 §4.3.3.9). */
  #compare(now: Instant, d: Inbound, h: ip4.Header, mask: Ip4): void {
    const own = this.#readyOn(d.port).find((a) => isIn(a, h.src))
    this.#node.counters.drop('unsolicited')
    if (own === undefined || maskOf(own.prefixLength) === mask || !this.#log.take(now)) return
    const what = `${showIp(h.src)} says that the address mask is ${showIp(mask)}, here it is ${showIp(maskOf(own.prefixLength))}`
    this.#node.emit({ kind: 'log', at: now, port: d.port.index, what, about: h.src })
  }

  #readyOn(port: Port): Address4[] {
    return this.#layer.addresses.of(port).filter((a) => a.state === 'ready')
  }
}

function maskOf(prefixLength: number): Ip4 {
  return (prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) | 0) as Ip4
}

/**
 * undefined where it can be no mask of this host's network: all ones, without its top eight bits (zero is one), or with
 * holes.
 */
function prefixOf(mask: Ip4): number | undefined {
  const prefixLength = Math.clz32(~mask)
  if (maskOf(prefixLength) !== mask) return undefined
  return prefixLength === 32 || (prefixLength > 0 && prefixLength < 8) ? undefined : prefixLength
}

/** Classes A, B, C (RFC 791 §3.2). */
function classOf(address: Ip4): number {
  const first = address >>> 24
  return first < 128 ? 8 : first < 192 ? 16 : 24
}

function isIn(a: Network, address: Ip4): boolean {
  return ((a.address ^ address) & maskOf(a.prefixLength)) === 0
}

function overlap(a: Network, b: Network): boolean {
  return a.prefixLength < b.prefixLength ? isIn(a, b.address) : isIn(b, a.address)
}

const MAX_REQUESTS = 3
const REQUEST_INTERVAL = 2000
/** Octets of a request and a reply. */
const LENGTH = 12
const NOTHING = new Uint8Array(0)
