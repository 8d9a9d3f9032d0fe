import { expect, test } from 'vitest'
import type { Clock, Instant } from '../clock.ts'
import type { Arrival, Door, Machine, Slot } from '../door.ts'
import type { Family } from '../wire/addr.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import { hex, unhex } from '../wire/octets.ts'
import { prepareSend, type SendEvent, type SendOptions, send } from './send.ts'

const SRC = { 4: '192.0.2.9', 6: '2001:db8::9' }
const DST = { 4: '192.0.2.1', 6: '2001:db8::1' }

function prepared(family: Family, octets: Uint8Array, options: SendOptions = {}) {
  return prepareSend(DST[family], () => octets, { source: SRC[family], checksum: 'right', ...options })
}

/** A message of each type, 64 octets of it. */
function sample(type: number): Uint8Array {
  const octets = new Uint8Array(64).fill(1)
  octets[0] = type
  return octets
}

test('each ICMPv4 message goes out behind Protocol 1, type, code and checksum in its first four octets (RFC 792, Message Formats) [v4-format-proto-1]', async () => {
  for (let type = 0; type < 256; type++) {
    const { packet, icmp } = await prepared(4, sample(type))
    expect(packet[0]).toBe(0x45)
    expect(packet[9]).toBe(1)
    expect(icmp).toBe(20)
    expect([packet[icmp], packet[icmp + 1]]).toEqual([type, 1])
    // RFC 1071 §1: the sum over the message, its checksum included, is all ones.
    let sum = 0
    for (let i = icmp; i < packet.length; i += 2) sum += (packet[i]! << 8) | packet[i + 1]!
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    expect(sum, `type ${type}`).toBe(0xffff)
    const m = icmp4.parse(packet, icmp)
    if (m.kind !== 'malformed') expect([icmp4.typeOf(m), m.code]).toEqual([type, 1])
  }
})

test('each ICMPv6 message goes out behind Next Header 58 with a checksum that holds', async () => {
  for (let type = 0; type < 256; type++) {
    const { packet, icmp, ownHeader } = await prepared(6, sample(type))
    // MLD stands behind a router alert (RFC 3810 §5).
    const isMld = type === 143 || (type >= 130 && type <= 132)
    expect(hex(packet, 40, icmp)).toBe(isMld ? '3a00050200000100' : '')
    expect(packet[6]).toBe(isMld ? 0 : 58)
    expect(icmp6.verifyAt(packet, icmp, packet.length, 64, 0), `type ${type}`).toBe('ok')
    expect(ownHeader).toBe(isMld)
  }
})

test('neighbour discovery leaves with hop limit 255 (RFC 4861 §6.1), MLD with 1 (RFC 2710 §3), the rest with 64', async () => {
  const limit = async (type: number, options?: SendOptions) => (await prepared(6, sample(type), options)).packet[7]
  for (const type of [133, 134, 135, 136, 137, 141, 142]) expect(await limit(type)).toBe(255)
  for (const type of [130, 131, 132, 143, 151]) expect(await limit(type)).toBe(1)
  for (const type of [1, 128, 139, 160]) expect(await limit(type)).toBe(64)
  expect(await limit(133, { ttl: 7 })).toBe(7)
})

test('a checksum is made right, made wrong, or left as it is', async () => {
  const octets = unhex('0800 1234 00010001')
  const sum = async (family: Family, checksum: SendOptions['checksum']) => {
    const { packet, icmp, ownHeader } = await prepared(family, octets, { checksum: checksum! })
    return [hex(packet, icmp + 2, icmp + 4), ownHeader]
  }
  expect(await sum(4, 'right')).toEqual(['f7fd', false])
  expect(await sum(4, 'wrong')).toEqual(['0802', false])
  expect(await sum(4, 'given')).toEqual(['1234', false])
  // The kernel would mend it: only with a header of our own does it stay wrong.
  expect(await sum(6, 'wrong')).toMatchObject({ 1: true })
  expect(await sum(6, 'given')).toEqual(['1234', true])
})

test('octets shorter than a message leave as they are', async () => {
  for (const length of [0, 1, 3]) {
    const { packet, icmp, ownHeader } = await prepared(4, new Uint8Array(length).fill(8))
    expect(ownHeader).toBe(true)
    expect(packet.length).toBe(20 + length)
    expect(hex(packet, icmp)).toBe('08'.repeat(length))
  }
})

test('a source of the other family or none, and a target that is none, are refused in words', async () => {
  const octets = sample(8)
  await expect(prepared(4, octets, { source: SRC[6] })).rejects.toThrow('the source must be an IPv4 address')
  await expect(prepared(4, octets, { source: 'x' })).rejects.toThrow('x: the source must be')
  await expect(prepareSend('192.0.2.999', () => octets)).rejects.toThrow('192.0.2.999')
  await expect(prepareSend('fe80::1', () => octets, { source: SRC[6] })).rejects.toThrow('link-local')
})

/** A door to nowhere whose other side answers each echo request at once. */
class Echoing implements Door {
  readonly name = 'lab'
  readonly medium = 'ip'
  readonly family = 4
  readonly mtu = 1500
  readonly echoId = undefined
  readonly cannot = []
  readonly loss = { queueOverflow: 0, stampGaps: 0, shortWrites: 0 }
  closed = false
  #answers: Uint8Array[] = []

  send(now: Instant, m: Pick<Machine<unknown>, 'pollTransmit' | 'handleSent' | 'handleUnsent'>): boolean {
    const slot: Slot = { bytes: new Uint8Array(1500), at: 0, limit: 1500, end: 0, family: 4, port: 0, tag: 0 }
    while (m.pollTransmit(now, slot)) {
      m.handleSent(now, slot.tag, now, 'virtual')
      m.handleSent(now, slot.tag, now, 'user')
      const answer = slot.bytes.slice(0, slot.end)
      answer[20] = 0
      this.#answers.push(answer)
    }
    return false
  }

  receive(now: Instant, m: Pick<Machine<unknown>, 'handlePacket'>): number {
    for (const bytes of this.#answers) {
      const { length } = bytes
      const about = { origin: 'wire', link: 'host', checksum: 'unknown', clock: 'virtual', port: 0 } as const
      const a: Arrival = { bytes, at: 0, end: length, length, stamp: now, ...about }
      m.handlePacket(now, a)
    }
    return this.#answers.splice(0).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true
  }
}

/** Time passes only by waiting, a millisecond a time. */
function virtualClock(): Clock {
  let now = 0
  return {
    now: () => now as Instant,
    wall: (at) => BigInt(Math.round(at * 1e6)),
    wait: async (until) => {
      now = Math.min(now + 1, Math.max(now, until ?? now + 1))
    },
    wake: () => {},
  }
}

test('a run tells what left and what came, ends with the summary, and closes its door', async () => {
  const door = new Echoing()
  const octets = unhex('0800f7fd00010001')
  const run = send(DST[4], () => octets, {
    source: SRC[4],
    over: { door, clock: virtualClock() },
    count: 2,
    interval: 10,
  })
  const events: SendEvent[] = []
  for await (const e of run) events.push(e)
  expect(events.map((e) => e.kind)).toEqual(['sent', 'reply', 'sent', 'reply', 'summary'])
  expect(events[1]).toMatchObject({ type: 0, name: 'Echo Reply', message: { kind: 'echoReply', id: 1, seq: 1 } })
  expect(await run.done).toMatchObject({ sent: 2, replies: 2, errors: 0, localDrops: 0, answerable: true })
  expect(door.closed).toBe(true)
})

test('whoever leaves the loop ends the run', async () => {
  const door = new Echoing()
  const run = send(DST[4], () => sample(8), { source: SRC[4], over: { door, clock: virtualClock() }, count: 1000 })
  for await (const e of run) if (e.kind === 'reply') break
  await run[Symbol.asyncDispose]()
  expect(door.closed).toBe(true)
  expect((await run.done).sent).toBeLessThan(1000)
})
