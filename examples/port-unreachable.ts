/** A router's error made by hand: Port Unreachable with its quote and the MPLS label that the packet wore (RFC 4950). */
import { extension, hex, icmp4, ip4, parseIp, quote, toJson, udp } from 'icmpkit/wire'

// The datagram that could not be delivered: its IP header and the UDP header behind it.
const original = new Uint8Array(28)
const fields = {
  protocol: 17,
  src: parseIp('192.0.2.1') as ip4.Header['src'],
  dst: parseIp('192.0.2.7') as ip4.Header['dst'],
}
udp.write({ srcPort: 40000, dstPort: 33434 }, original, ip4.write(fields, original, 0, 8), original.length, 0)

const labels = [{ label: 100, tc: 0, bottom: true, ttl: 64 }]
const extensions = extension.of({ kind: 'mpls', entries: labels })
const message = { kind: 'unreachable', code: 3, nextHopMtu: 0, quote: original, extensions } as const
const octets = new Uint8Array(icmp4.size(message))
icmp4.write(message, octets, 0)
console.log(hex(octets))

// And back: who was it for, and what did it say?
const read = icmp4.parse(octets)
if (read.kind !== 'unreachable') throw new Error(read.kind)
const q = quote.parse(read.quote, 0, read.quote.length, 4)
console.log(icmp4.verify(octets, 0, octets.length, octets.length), JSON.stringify(toJson(q)))
console.log(JSON.stringify(toJson(read.extensions)))
