/** How a node speaks of itself: not at all, or from an address that is not the one that RFC 1812 §4.3.2.4 asks for. */
import type { Instant } from '../clock.ts'
import type { Node } from '../stack/node.ts'
import type { Port } from '../stack/port.ts'
import { type Ip, isLinkLocal, parseIp, readIp4, readIp6, writeIp } from '../wire/addr.ts'
import { finish, sum, update } from '../wire/checksum.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import { put16, u16 } from '../wire/octets.ts'
import type { Behaviour, Packet } from './behaviour.ts'
import { ipAt, isIcmp, isIcmpError, isLinkUpkeep, upperOf } from './frame-view.ts'
import type { Behaviours } from './topology.ts'

export class Voice implements Behaviour {
  readonly takes: string
  readonly #silent: Behaviours['silent']
  readonly #from: readonly (Ip | Port)[]
  readonly #node: Node

  constructor(silent: Behaviours['silent'], answerFrom: Behaviours['answerFrom'], node: Node, where: string) {
    this.takes = `silent: ${silent}`
    this.#silent = silent
    this.#node = node
    const given = answerFrom === undefined ? [] : typeof answerFrom === 'string' ? [answerFrom] : answerFrom
    this.#from = given.map((text) => {
      const from = parseIp(text) ?? [...node.ports.values()].find((p) => p.name === text)
      if (from === undefined) throw new TypeError(`${where}: '${text}' is neither an address nor a port of it`)
      return from
    })
  }

  leaves(_now: Instant, { bytes, at, end }: Packet, port: Port): boolean {
    const ip = ipAt(port.medium, bytes, at, end)
    if (ip < 0 || !isIcmp(bytes, ip, end) || !this.#isOwn(bytes, ip, port)) return true
    const upper = upperOf(bytes, ip, end, 8)
    const isError = upper >= 0 && isIcmpError(bytes, ip, upper)
    if (this.#isSilent(bytes, ip, end, upper, isError)) return this.#node.counters.drop('disabled')
    if (isError) this.#speak(bytes, ip, upper)
    return true
  }

  #isOwn(bytes: Uint8Array, ip: number, port: Port): boolean {
    if (bytes[ip]! >>> 4 === 4) return this.#node.ip4.isMine(readIp4(bytes, ip + 12))
    // From ::, only this node's own.
    const src = readIp6(bytes, ip + 8)
    return src === 0n || this.#node.ip6.isMine(src, isLinkLocal(src) ? port : undefined)
  }

  #isSilent(bytes: Uint8Array, ip: number, end: number, upper: number, isError: boolean): boolean {
    switch (this.#silent) {
      case undefined:
        return false
      case 'icmp':
        return !isLinkUpkeep(bytes, ip, end)
      case 'errors':
        return isError
      case 'time-exceeded': {
        const four = bytes[ip]! >>> 4 === 4
        return isError && bytes[upper] === (four ? icmp4.Type.timeExceeded : icmp6.Type.timeExceeded)
      }
    }
  }

  #speak(bytes: Uint8Array, ip: number, upper: number): void {
    const four = bytes[ip]! >>> 4 === 4
    const from = this.#address(four)
    if (from === undefined) return
    if (four) {
      writeIp(from, bytes, ip + 12)
      ip4.seal(bytes, ip)
      return
    }
    const was = ~finish(sum(bytes, ip + 8, ip + 24)) & 0xffff
    writeIp(from, bytes, ip + 8)
    const is = ~finish(sum(bytes, ip + 8, ip + 24)) & 0xffff
    put16(bytes, upper + 2, update(u16(bytes, upper + 2), was, is))
  }

  #address(four: boolean): Ip | undefined {
    for (const from of this.#from) {
      if (typeof from === 'object') {
        const own = from.addresses.map((a) => a.address).filter((a) => (typeof a === 'number') === four)
        if (own.length > 0) return own.find((a) => !isLinkLocal(a)) ?? own[0]
      } else if ((typeof from === 'number') === four) return from
    }
    return undefined
  }
}
