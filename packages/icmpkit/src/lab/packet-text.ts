/** A packet of a link in words: as `icmp decode` prints it where it bears ICMP, else who speaks what to whom. */
import { readIp4, readIp6, showIp } from '../wire/addr.ts'
import * as arp from '../wire/arp.ts'
import { Carried } from '../wire/carried.ts'
import { HEADER as ETHERNET, EtherType } from '../wire/ethernet.ts'
import { emptyFrame } from '../wire/frame.ts'
import { AsciiLine } from '../wire/line.ts'
import { LinkType } from '../wire/link-layer.ts'
import { u16 } from '../wire/octets.ts'
import { PacketPrinter } from '../wire/print.ts'
import * as tcp from '../wire/tcp.ts'
import * as udp from '../wire/udp.ts'
import { endOf, ipAt, labelOctets, protocolOf, upperOf } from './frame-view.ts'

export class PacketText {
  readonly #line = new AsciiLine(1024)
  readonly #printer = new PacketPrinter(this.#line, { timed: false })
  readonly #carried = new Carried()
  readonly #frame = { ...emptyFrame(), linkType: LinkType.raw as number }

  /** Of what stands at `at…end` on a link of that medium. */
  of(medium: 'ethernet' | 'ip', bytes: Uint8Array, at: number, end: number): string {
    const ip = ipAt(medium, bytes, at, end)
    if (ip < 0) return otherwise(medium, bytes, at, end)
    const labels = labelOctets(medium, bytes, at, end)
    const tagged = labels === 0 ? '' : `${showLabels(bytes, ip - labels, ip)} `
    return tagged + this.#packet(bytes, ip, endOf(bytes, ip, end))
  }

  #packet(bytes: Uint8Array, ip: number, end: number): string {
    const f = this.#frame
    f.bytes = bytes
    f.at = ip
    f.end = end
    f.length = end - ip
    this.#line.end = 0
    switch (this.#carried.find(f)) {
      case 'icmp':
        this.#printer.packet(f, this.#carried)
        break
      case 'later-fragment':
        this.#printer.laterFragment(f, this.#carried)
        break
      case 'bad-ip':
        this.#printer.badIp(f, this.#carried, this.#carried.flaw(f))
        break
      default:
        return transport(bytes, ip, end)
    }
    return this.#line.text().trimEnd()
  }
}

function transport(bytes: Uint8Array, ip: number, end: number): string {
  const four = bytes[ip]! >>> 4 === 4
  const [src, dst] = four
    ? [readIp4(bytes, ip + 12), readIp4(bytes, ip + 16)]
    : [readIp6(bytes, ip + 8), readIp6(bytes, ip + 24)]
  const protocol = protocolOf(bytes, ip, end)
  const upper = upperOf(bytes, ip, end, 4)
  const name = four ? 'IP' : 'IP6'
  const line = (ports: { srcPort: number; dstPort: number }, what: string) =>
    `${name} ${showIp(src)}.${ports.srcPort} > ${showIp(dst)}.${ports.dstPort}: ${what}`
  if (upper >= 0 && protocol === UDP) {
    const h = udp.parse(bytes, upper, end)
    if (h.kind !== 'malformed') return line(h, `UDP, length ${h.end - h.payload}`)
  }
  if (upper >= 0 && protocol === TCP) {
    const h = tcp.parse(bytes, upper, end)
    if (h.kind !== 'malformed') return line(h, `TCP, flags [${flags(h.flags ?? 0)}], length ${h.end - h.payload}`)
  }
  return `${name} ${showIp(src)} > ${showIp(dst)}: protocol ${protocol}, length ${end - ip}`
}

function flags(of: number): string {
  const names = Object.entries(tcp.Flag).filter(([, bit]) => (of & bit) !== 0)
  return names.map(([flag]) => flag.toUpperCase()).join(' ')
}

function otherwise(medium: 'ethernet' | 'ip', bytes: Uint8Array, at: number, end: number): string {
  if (medium === 'ethernet' && end - at >= ETHERNET && u16(bytes, at + 12) === EtherType.arp) {
    const m = arp.parse(bytes, at + ETHERNET, end)
    if (m.kind === 'arp') {
      if (m.operation === 1) return `ARP, who has ${showIp(m.target)}, tell ${showIp(m.sender)}`
      return `ARP, ${showIp(m.sender)} is there`
    }
  }
  return `${end - at} octets`
}

function showLabels(bytes: Uint8Array, at: number, end: number): string {
  const labels: string[] = []
  for (let i = at; i < end; i += 4)
    labels.push(`${(bytes[i]! << 12) | (bytes[i + 1]! << 4) | (bytes[i + 2]! >>> 4)} ttl ${bytes[i + 3]}`)
  return `MPLS ${labels.join(', ')}:`
}

const TCP = 6
const UDP = 17
