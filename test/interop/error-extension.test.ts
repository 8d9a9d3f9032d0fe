/** What a gateway's errors tell behind their quote, and its extended echo replies, as tshark reads them. */
import { expect, test } from 'vitest'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import type { Bench } from '../stack/gateway-bench.ts'
import { cross, gateway } from '../stack/gateway-bench.ts'
import { port } from '../stack/one-node.ts'
import { packet } from '../stack/transit-packets.ts'
import { read } from './tshark.ts'

const RAW_IP = 101
const PROTOCOLS = 'ip,ipv6,icmp,icmpv6,icmp_extension,udp'
const PORTS = [
  port(1, { medium: 'ip', addresses: ['192.0.2.1/24', '2001:db8:1::1/64'] }),
  port(2, { medium: 'ip', addresses: ['198.51.100.1/24', '2001:db8:2::1/64'] }),
]

function answers(names: readonly string[], bench: Bench): Uint8Array[] {
  const n = gateway({ ports: PORTS, ...bench })
  return names.map((name) => unhex(cross(n, packet(name))[0]!.hex))
}

test('tshark reads the interface objects of time exceeded, both families, and finds nothing wrong (RFC 5837 §4)', (ctx) => {
  const all = ['index', 'address', 'name', 'mtu'] as const
  const sent = answers(['expired4', 'expired6'], {
    errorExtensions: { incoming: all, outgoing: ['index'], nextHop: true, identification: 'address' },
  })
  const fields = [
    'icmp.ext.checksum.status',
    'icmp.int_info.index',
    'icmp.int_info.ipv4',
    'icmp.int_info.ipv6',
    'icmp.int_info.name',
  ]
  const [four, six] = read(ctx, RAW_IP, sent, fields, PROTOCOLS)
  expect(four).toEqual({
    complaints: [],
    shown: {
      'icmp.ext.checksum.status': '1',
      'icmp.int_info.index': '1,2',
      'icmp.int_info.ipv4': '192.0.2.1,198.51.100.9',
      'icmp.int_info.ipv6': '',
      'icmp.int_info.name': 'eth1',
    },
  })
  expect(six).toMatchObject({
    complaints: [],
    shown: { 'icmp.int_info.index': '1,2', 'icmp.int_info.ipv6': '2001:db8:1::1,2001:db8:2::9' },
  })
})

test('tshark reads the label stack of a datagram that expired under it (RFC 4950 §5)', (ctx) => {
  const ports = [port(1, { mpls: true, addresses: ['192.0.2.1/24'] }), PORTS[1]!]
  const n = gateway({ ports })
  n.run(20_000)
  cross(n, packet('arp4'))
  const [error] = cross(n, packet('labelled4Two'))
  const fields = ['icmp.mpls.label', 'icmp.mpls.exp', 'icmp.mpls.s', 'icmp.mpls.ttl']
  const [shown] = read(ctx, RAW_IP, [unhex(error!.hex).subarray(14)], fields, PROTOCOLS)
  expect(shown).toEqual({
    complaints: [],
    shown: { 'icmp.mpls.label': '16000,100048', 'icmp.mpls.exp': '5,0', 'icmp.mpls.s': '0,1', 'icmp.mpls.ttl': '1,64' },
  })
})

test('tshark reads the extended echo replies, both families: active, IPv4 and IPv6 (RFC 8335 §3)', (ctx) => {
  const extendedEcho = { enabled: true, byName: 'any' } as const
  const sent = answers(['four.name', 'six.name'], { extendedEcho })
  const [four, six] = read(
    ctx,
    RAW_IP,
    sent,
    ['icmp.type', 'icmp.code', 'icmp.checksum.status', 'icmpv6.type', 'icmpv6.code', 'icmpv6.checksum.status'],
    PROTOCOLS,
  )
  expect(four).toMatchObject({
    complaints: [],
    shown: { 'icmp.type': '43', 'icmp.code': '0', 'icmp.checksum.status': '1' },
  })
  expect(six).toMatchObject({
    complaints: [],
    shown: { 'icmpv6.type': '161', 'icmpv6.code': '0', 'icmpv6.checksum.status': '1' },
  })
})
