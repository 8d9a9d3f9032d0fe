/**
 * Duplicate address detection (RFC 4862 §5.4) with a nonce, so that a link which gives this node's own solicitations
 * back is no duplicate (RFC 7527).
 *
 * A hardware-derived link-local address that somebody else has means that the hardware address is theirs too: IPv6 on
 * the port goes silent (RFC 4862 §5.4.5).
 */
import type { Instant } from '../../clock.ts'
import { ANY6, isLinkLocal } from '../../wire/addr.ts'
import type * as ndOption from '../../wire/nd-option.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { SparseMap } from '../sparse-map.ts'
import { Timer } from '../timers.ts'
import { type Address6, linkLocalOf, solicitedNode } from './addresses.ts'
import type { Ip6Layer } from './layer.ts'
import type { Mld } from './mld.ts'
import { sendNd } from './nd-output.ts'

interface Probing {
  readonly address: Address6
  readonly timer: Timer
  /** Probes still to be sent. */
  left: number
  /** Own ones came back: it is the link's doing, and more of them tell. */
  looped: boolean
  /** Of those sent; each has its own. */
  nonces: Uint8Array[]
}

export class Dad {
  readonly #node: Node
  readonly #layer: Ip6Layer
  readonly #mld: Mld
  readonly #probing: SparseMap<Address6, Probing> = new SparseMap()

  constructor(node: Node, layer: Ip6Layer, mld: Mld) {
    this.#node = node
    this.#layer = layer
    this.#mld = mld
  }

  get #transmits(): number {
    return this.#layer.settings.dadTransmits
  }

  /** The port begins: its first packet waits a random moment (RFC 4862 §5.4.2). */
  begin(now: Instant, port: Port): void {
    if (this.#transmits > 0) this.#layer.neighbours.link(port).quietUntil = now + this.#node.random() * MAX_DELAY_MS
  }

  /** How long the address's group and first probe wait: at the start, and where an advertisement told many at once. */
  delay(now: Instant, a: Address6): number {
    if (this.#transmits === 0) return 0
    const quiet = this.quiet(now, a.port)
    if (quiet > 0) return quiet
    return a.origin === 'autoconfigured' ? this.#node.random() * MAX_DELAY_MS : 0
  }

  /** What is left of the port's silence at its start. */
  quiet(now: Instant, port: Port): number {
    return Math.max(0, (port.ip6?.quietUntil ?? 0) - now)
  }

  start(now: Instant, a: Address6, delayMs = 0): void {
    if (this.#transmits === 0) {
      this.#layer.addressReady(now, a)
      return
    }
    this.stop(a)
    const p: Probing = {
      address: a,
      timer: new Timer(this.#node.timers, (at) => this.#step(at, p)),
      left: this.#transmits,
      looped: false,
      nonces: [],
    }
    this.#probing.set(a, p)
    // Without a carrier nobody would hear the probes: `again` starts when the link is there.
    if (!a.port.up) return
    if (delayMs > 0) p.timer.set(now + delayMs)
    else this.#step(now, p)
  }

  stop(a: Address6): void {
    this.#probing.get(a)?.timer.stop()
    this.#probing.delete(a)
  }

  /** The link came back, maybe another one: each address is tried anew, and IPv6 where it was silenced. */
  again(now: Instant, port: Port): void {
    this.begin(now, port)
    this.#layer.neighbours.setDisabled(port, false)
    for (const a of this.#layer.addresses.of(port)) {
      if (a.anycast) continue
      this.#layer.addressTentative(now, a)
      this.start(now, a, this.delay(now, a))
    }
  }

  /** A solicitation for a tentative address came (RFC 4862 §5.4.3, RFC 7527 §4.2). */
  solicited(now: Instant, a: Address6, src: bigint, options: readonly ndOption.Option[], by: Uint8Array): void {
    const { counters } = this.#node
    const p = this.#probing.get(a)
    // Somebody who has an address of its own only wants to reach this one: no answer, no verdict.
    if (src !== ANY6 || p === undefined) {
      counters.drop('tentative')
      return
    }
    const nonce = options.find((o) => o.kind === 'nonce')
    if (nonce?.kind === 'nonce' && p.nonces.some((n) => equal(n, nonce.nonce))) {
      if (!p.looped) this.#log(now, a, 'the link gives the solicitations of this node back')
      p.looped = true
      counters.drop('ignored')
      return
    }
    this.fail(now, a, by)
  }

  /** Somebody else has it: a solicitation or an advertisement says so. */
  fail(now: Instant, a: Address6, by: Uint8Array): void {
    this.stop(a)
    this.#layer.addressDuplicate(now, a, by)
    if (isLinkLocal(a.address) && a.address === linkLocalOf(a.port.mac)) {
      this.#layer.neighbours.setDisabled(a.port, true)
      this.#log(now, a, 'the link-local address made of the hardware address is a duplicate: no IPv6 on the port')
    }
  }

  #step(now: Instant, p: Probing): void {
    const a = p.address
    if (p.left === 0) {
      if (!p.looped) {
        this.stop(a)
        this.#layer.addressReady(now, a)
        return
      }
      p.looped = false
      p.left = MORE_AFTER_LOOP
      p.nonces = p.nonces.slice(-1)
    }
    this.#mld.flush(now, a.port)
    p.left--
    const nonce = Uint8Array.from({ length: NONCE }, () => this.#node.random() * 256)
    p.nonces.push(nonce)
    p.timer.set(now + this.#layer.neighbours.link(a.port).retransMs)
    sendNd(this.#node, now, a.port, ANY6, solicitedNode(a.address), {
      kind: 'neighborSolicitation',
      code: 0,
      target: a.address,
      options: [{ kind: 'nonce', nonce }],
    })
  }

  #log(now: Instant, a: Address6, what: string): void {
    this.#node.emit({ kind: 'log', at: now, port: a.port.index, what, about: a.address })
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i])
}

/** MAX_RTR_SOLICITATION_DELAY (RFC 4861 §10), which bounds the first delay. */
const MAX_DELAY_MS = 1000
/** MAX_MULTICAST_SOLICIT (RFC 7527 §4.1). */
const MORE_AFTER_LOOP = 3
/** Octets of a nonce, the shortest that fills its option (RFC 3971 §5.3.2). */
const NONCE = 6
