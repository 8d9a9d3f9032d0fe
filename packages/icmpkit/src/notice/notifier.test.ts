import { expect, test } from 'vitest'
import type { Instant } from '../clock.ts'
import { unhex } from '../wire/octets.ts'
import { Notifier } from './notifier.ts'

const at = (ms: number) => ms as Instant

function arrival(octets: Uint8Array, now: number, link: 'host' | 'other' = 'host') {
  return {
    bytes: octets,
    at: 0,
    end: octets.length,
    length: octets.length,
    origin: 'wire',
    link,
    checksum: 'ok',
    stamp: at(now),
    clock: 'virtual',
    port: 1,
  } as const
}

// scapy: IP(src='198.51.100.7', dst='192.0.2.1')/UDP(sport=40000, dport=5000)/b'hi', and the answer.
const IN = unhex('4500001e000100004011f224c6336407c00002019c401388000a1b6b6869')
const OUT = unhex('4500001e000100004011f224c0000201c633640713889c40000a1b6b6869')

test('a confirmed workstation is told once that the program is offline', () => {
  const n = new Notifier({
    programs: [{ name: 'shop', protocol: 'udp', port: 5000 }],
    wall: () => 1_800_000_000,
    random: Math.random,
  })
  n.handlePacket(at(0), arrival(IN, 0))
  n.handlePacket(at(1), arrival(OUT, 1, 'other'))
  n.handlePacket(at(2), arrival(IN, 2))
  n.offline(at(1000), 'shop', { reason: 'maintenance', backAt: 1_800_003_600 })
  const slot = { bytes: new Uint8Array(2000), at: 0, limit: 2000, end: 0, family: undefined, port: 0, tag: 0 }
  expect(n.pollTransmit(at(1001), slot)).toBe(true)
  expect(n.pollTransmit(at(1001), slot)).toBe(false)
  n.handleTimeout(at(1002))
})
