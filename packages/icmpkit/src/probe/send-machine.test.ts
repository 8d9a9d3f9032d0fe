import { expect, test } from 'vitest'
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, Slot } from '../door.ts'
import { type Ip, parseIp } from '../wire/addr.ts'
import { unhex } from '../wire/octets.ts'
import { SendMachine, type SendMachineEvent, type SendSettings } from './send-machine.ts'

const ip = (text: string) => parseIp(text) as Ip
const at = (ms: number) => ms as Instant
/** 192.0.2.1 > 198.51.100.7 by scapy: echo request id 1 seq 2, and the echo reply to it. */
const REQUEST = unhex('4500001c000700004001 8e9e c0000201 c6336407 0800f7fc00010002')
const REPLY = unhex('4500001c000700004001 8e9e c6336407 c0000201 0000fffc00010002')
/** Port unreachable from 198.51.100.7 that quotes REQUEST. */
const ERROR = unhex(
  '4500003800010000 4001 8e88 c6336407 c0000201 0303fcfc 00000000 4500001c00070000 3f01 8f9e c0000201 c6336407 0800f7fc00010002',
)

function machine(settings: Partial<SendSettings> = {}): SendMachine {
  const base = { family: 4, packet: REQUEST, icmp: 20, dst: ip('198.51.100.7'), port: 3 } as const
  return new SendMachine({ ...base, count: 1, intervalMs: 1000, waitMs: 2000, ...settings })
}

/** Lets the machine send what is due at `now`, as a door would. */
function transmit(m: SendMachine, now: number): Uint8Array[] {
  const sent: Uint8Array[] = []
  const slot: Slot = { bytes: new Uint8Array(2000), at: 7, limit: 2000, end: 0, family: 4, port: 0, tag: 0 }
  m.handleTimeout(at(now))
  while (m.pollTransmit(at(now), slot)) {
    sent.push(slot.bytes.slice(slot.at, slot.end))
    m.handleSent(at(now), slot.tag, at(now), 'user')
  }
  return sent
}

function arrive(m: SendMachine, packet: Uint8Array, stamp: number, clock: ClockSource = 'user', now = stamp): void {
  const bytes = new Uint8Array(packet.length + 20).fill(0xee)
  bytes.set(packet, 9)
  const a: Arrival = {
    bytes,
    at: 9,
    end: 9 + packet.length,
    length: packet.length,
    origin: 'wire',
    link: 'host',
    checksum: 'unknown',
    stamp: at(stamp),
    clock,
    port: 3,
  }
  expect(m.handlePacket(at(now), a)).toBe(false)
}

function events(m: SendMachine): SendMachineEvent[] {
  const list: SendMachineEvent[] = []
  for (let e = m.pollEvent(); e; e = m.pollEvent()) list.push(e)
  return list
}

test('the packet leaves as it was given, and its answer ends the run', () => {
  const m = machine()
  expect(transmit(m, 10)).toEqual([REQUEST])
  arrive(m, REPLY, 12.5)
  m.handleTimeout(at(12.5))
  const [sent, reply] = events(m)
  expect(sent).toEqual({ kind: 'sent', at: 10, number: 1 })
  expect(reply).toMatchObject({ kind: 'reply', rttNs: 2_500_000, clock: 'user', icmp: 20, end: 28, port: 3 })
  expect(reply).toHaveProperty('packet', REPLY)
  expect(m.pollTimeout()).toBeUndefined()
})

test('an answer with another identifier, sequence or type is none (RFC 792 Echo)', () => {
  const m = machine()
  transmit(m, 0)
  for (const change of [24, 25, 26, 27, 20]) {
    const other = REPLY.slice()
    other[change]! ^= 9
    arrive(m, other, 1)
  }
  arrive(m, REQUEST, 1)
  arrive(m, REPLY.subarray(0, 27), 1)
  m.handleTimeout(at(1))
  expect(events(m)).toEqual([{ kind: 'sent', at: 0, number: 1 }])
})

test('an error counts only where its quote is the packet (RFC 5927 §4)', () => {
  const m = machine()
  transmit(m, 0)
  for (const change of [29 + 16, 48, 49, 52, 55]) {
    const other = ERROR.slice()
    other[change]! ^= 1
    arrive(m, other, 1)
  }
  arrive(m, ERROR.subarray(0, 55), 1)
  m.handleTimeout(at(1))
  expect(events(m)).toHaveLength(1)
  arrive(m, ERROR, 1)
  m.handleTimeout(at(1))
  expect(events(m)[0]).toMatchObject({ kind: 'error', rttNs: 1_000_000 })
})

test('without an answer the run ends when the wait behind the last one is over', () => {
  const m = machine({ count: 2 })
  expect(transmit(m, 0)).toHaveLength(1)
  expect(m.pollTimeout()).toBe(1000)
  expect(transmit(m, 999)).toHaveLength(0)
  expect(transmit(m, 1000)).toHaveLength(1)
  expect(m.pollTimeout()).toBe(3000)
  m.handleTimeout(at(2999))
  expect(events(m).map((e) => e.kind)).toEqual(['sent', 'sent'])
  m.handleTimeout(at(3000))
  expect(events(m)).toEqual([{ kind: 'timeout', at: 3000 }])
  expect(m.pollTimeout()).toBeUndefined()
})

test('a group may answer many times: the first answer does not end the run', () => {
  const packet = unhex(
    '6000000000083aff fe800000000000000000000000000001 ff020000000000000000000000000002 85007d2700000000',
  )
  const m = machine({ family: 6, packet, icmp: 40, dst: ip('ff02::2') })
  const slot: Slot = { bytes: new Uint8Array(100), at: 0, limit: 100, end: 0, family: 6, port: 0, tag: 0 }
  expect(m.pollTransmit(at(0), slot)).toBe(true)
  expect(slot.port).toBe(3)
  m.handleSent(at(0), slot.tag, at(0), 'user')
  const advertisement = unhex(
    '6000000000103aff fe800000000000000000000000000009 ff020000000000000000000000000001 8600 0000 40000708 00000000 00000000',
  )
  arrive(m, advertisement, 1)
  arrive(m, advertisement, 2)
  m.handleTimeout(at(2))
  expect(events(m).map((e) => e.kind)).toEqual(['sent', 'reply', 'reply'])
  expect(m.pollTimeout()).toBe(2000)
})

test('what the kernel refuses is told and not waited for', () => {
  const m = machine()
  const slot: Slot = { bytes: new Uint8Array(100), at: 0, limit: 100, end: 0, family: 4, port: 0, tag: 0 }
  m.pollTransmit(at(0), slot)
  m.handleUnsent(at(1), slot.tag, 'no-route', 0)
  m.handleTimeout(at(1))
  expect(events(m)).toEqual([{ kind: 'unsent', at: 1, number: 1, why: 'no-route', mtu: 0 }])
  expect(m.pollTimeout()).toBeUndefined()
})

test('the better stamp of the transmission counts, and a round trip outside the time we waited is measured by our own clock', () => {
  const m = machine({ count: 2 })
  transmit(m, 10)
  m.handleSent(at(10), 1, at(10.5), 'kernel-txrx')
  arrive(m, REPLY, 12, 'kernel-rx', 13)
  arrive(m, REPLY, 9, 'kernel-rx', 13)
  m.handleTimeout(at(13))
  expect(events(m).slice(1)).toMatchObject([
    { rttNs: 1_500_000, clock: 'kernel-txrx' },
    { rttNs: 3_000_000, clock: 'user' },
  ])
})

test('an answer that overtakes its transmit stamp waits for it, once', () => {
  const m = machine({ count: 3 })
  transmit(m, 10)
  arrive(m, REPLY, 12, 'kernel-rx', 13)
  m.handleTimeout(at(13))
  expect(events(m)).toHaveLength(1)
  expect(m.pollTimeout()).toBe(Number.NEGATIVE_INFINITY)
  m.handleSent(at(13), 1, at(11), 'kernel-txrx')
  m.handleTimeout(at(13))
  expect(events(m)).toMatchObject([{ rttNs: 1_000_000, clock: 'kernel-txrx' }])

  transmit(m, 1010)
  arrive(m, REPLY, 1012, 'kernel-rx', 1013)
  m.handleTimeout(at(1013))
  m.handleTimeout(at(1013))
  expect(events(m).slice(1)).toMatchObject([{ rttNs: 2_000_000, clock: 'kernel-rx' }])
})
