/**
 * The listening machine against notices that no code of ours has made (test/kernel/scripts/notice.py): what it believes,
 * what it tells, and that a flood costs it neither memory nor its attention. No kernel: the sockets are the test's.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival } from '../../packages/icmpkit/src/door.ts'
import {
  claimOf,
  examine,
  hear,
  Listener,
  type ListenerEvent,
  type LocalSocket,
  Newest,
  showFlow,
} from '../../packages/icmpkit/src/listen/index.ts'
import { parseKeys } from '../../packages/icmpkit/src/runs/notices/keys.ts'
import { KeyRing } from '../../packages/icmpkit/src/runs/outages/key.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { toJson } from '../../packages/icmpkit/src/wire/json.ts'
import * as outageObject from '../../packages/icmpkit/src/wire/outage-object.ts'
import { type ByHand, packetsByHand } from '../kernel/notice-by-hand.ts'

const NOW = 1_800_000_000
const SECRET = '11'.repeat(32)
const KEYS = parseKeys(`hmac-sha256 02d449a3 ${Buffer.from(SECRET, 'hex').toString('base64')} ops`)
const FLOW = { protocol: 'udp', local: '192.0.2.1', localPort: 5000, remote: '192.0.2.2', remotePort: 9000 } as const
const FLOW6 = {
  protocol: 'udp',
  local: '2001:db8::1',
  localPort: 5000,
  remote: '2001:db8::2',
  remotePort: 9000,
} as const
const TCP = { ...FLOW, protocol: 'tcp', seq: 77 } as const
const DOWN = { state: 1, seconds: NOW, program: 'time', reason: 'it fell', backAt: NOW + 60 }
const OPEN: LocalSocket = { found: 'listed', connected: true, connecting: false, process: { pid: 7, name: 'clockd' } }

interface World {
  listener: Listener
  /** TCP's count of refused errors. */
  refused: number | undefined
  looked: number
  now: number
  /** Hands over packets at `now`. */
  hear(...packets: Uint8Array[]): ListenerEvent[]
}

function world(o: { notices?: boolean; believe?: 'signed' | 'flow'; sockets?: readonly string[] } = {}): World {
  const sockets: readonly string[] = o.sockets ?? [
    'udp 192.0.2.1:5000 192.0.2.2:9000',
    'udp [2001:db8::1]:5000 [2001:db8::2]:9000',
    'tcp 192.0.2.1:5000 192.0.2.2:9000',
  ]
  const ring = new KeyRing(KEYS)
  const state = { refused: 0 as number | undefined, looked: 0, now: 1000 }
  const w: World = Object.assign(state, {
    listener: new Listener({
      notices: o.notices ?? true,
      believe: o.believe ?? 'signed',
      wall: (now) => NOW + (now - 1000) / 1000,
      find: (_now, flow) => {
        state.looked++
        return sockets.includes(showFlow(flow)) ? OPEN : undefined
      },
      verify: (object, payload) => ring.verify(object, payload),
      refusedByTcp: () => state.refused,
    }),
    hear: (...packets: Uint8Array[]) => {
      const now = state.now as Instant
      for (const bytes of packets) expect(w.listener.handlePacket(now, arrival(bytes, now))).toBe(false)
      return drain(w)
    },
  })
  return w
}

function drain({ listener }: World): ListenerEvent[] {
  const all: ListenerEvent[] = []
  for (let e = listener.pollEvent(); e !== undefined; e = listener.pollEvent()) all.push(e)
  return all
}

/** At an odd place, between octets that are none of its. */
function arrival(packet: Uint8Array, stamp: Instant): Arrival {
  const bytes = new Uint8Array(packet.length + 40).fill(0xa5)
  bytes.set(packet, 13)
  const at = 13
  const end = at + packet.length
  const { length } = packet
  return { bytes, at, end, length, origin: 'wire', link: 'host', checksum: 'unknown', stamp, clock: 'user', port: 1 }
}

const made = (...notices: ByHand[]) => packetsByHand(notices)
const signed = (more: object = {}): ByHand => ({ ...FLOW, ...DOWN, key: SECRET, ...more })

describe('what a notice says is told', () => {
  test.each([
    ['IPv4', FLOW],
    ['IPv6', FLOW6],
  ])('with its flow and whose it is: %s', (_name, flow) => {
    const [e] = world().hear(...made({ ...flow, ...DOWN }))
    if (e?.kind !== 'notice') throw new Error(`not told: ${e?.kind}`)
    expect(showFlow(e.flow)).toBe(
      flow === FLOW ? 'udp 192.0.2.1:5000 192.0.2.2:9000' : 'udp [2001:db8::1]:5000 [2001:db8::2]:9000',
    )
    expect(showIp(e.server)).toBe(flow.remote)
    expect(e.object).toMatchObject({ state: 1, seconds: NOW, program: 'time', reason: 'it fell', backAt: NOW + 60 })
    expect(e.socket).toBe(OPEN)
    expect(e.judgement).toEqual({ trust: 'unsigned', believed: false, findings: ['no-signature', 'socket', 'sender'] })
  })

  test('a plain port unreachable about a live flow is an error, and one about no socket is not told', () => {
    const [live, dead] = made(FLOW, { ...FLOW, localPort: 5001 })
    const w = world()
    const [e, ...more] = w.hear(live!, dead!)
    expect(e).toMatchObject({ kind: 'error', heard: { type: 3, code: 3 }, socket: OPEN })
    expect(more).toEqual([])
    expect(w.listener.untold).toEqual({ 'no-live-flow': 1 })
  })

  test('without --notices every error is told, whatever it hits', () => {
    const [a, b] = made({ ...FLOW, localPort: 5001 }, { ...FLOW, type: 11, code: 0 })
    const all = world({ notices: false }).hear(a!, b!)
    expect(all.map((e) => e.kind === 'error' && [e.heard.type, e.socket])).toEqual([
      [3, undefined],
      [11, OPEN],
    ])
  })

  test('a damaged ICMP checksum is no error at all', () => {
    const w = world()
    expect(w.hear(...made({ ...FLOW, ...DOWN, icmpFlaw: 0x100 }))).toEqual([])
    expect(w.listener.untold).toEqual({ 'bad-checksum': 1 })
  })
})

describe('trust', () => {
  const judged = (w: World, notice: ByHand) => {
    const [e] = w.hear(...made(notice))
    return e?.kind === 'notice' ? { ...e.judgement, program: e.object?.program } : undefined
  }

  test('a signature of a known key is believed', () => {
    expect(judged(world(), signed({ workstation: { port: 5000, address: '192.0.2.1' } }))).toEqual({
      trust: 'signed',
      believed: true,
      findings: ['signature', 'workstation', 'socket', 'sender'],
      program: 'time',
    })
  })

  test.each<[string, object, string, string[], string | undefined]>([
    ['a forged signature', { spoiled: true }, 'refused', ['bad-signature'], undefined],
    ['the right key with a wrong number', { keyId: '00000001' }, 'unsigned', ['unknown-key'], 'time'],
    [
      'another key under the number of ours',
      { key: '22'.repeat(32), keyId: '02d449a3' },
      'refused',
      ['bad-signature'],
      undefined,
    ],
    ['a replay after a minute', { seconds: NOW - 61 }, 'refused', ['signature', 'stale'], 'time'],
    ['a clock ahead', { seconds: NOW + 61 }, 'refused', ['signature', 'early'], 'time'],
    ['no signature, and old', { key: undefined, seconds: NOW - 61 }, 'refused', ['no-signature', 'stale'], 'time'],
    ['damaged extensions', { damaged: true }, 'refused', ['extension-checksum'], undefined],
    ['an object of another version', { version: 2 }, 'refused', ['damaged'], undefined],
    ['an object as long as a packet', { padding: 60_000 }, 'refused', ['damaged'], undefined],
    ['a name longer than 32 octets', { program: 'x'.repeat(33) }, 'refused', ['damaged'], undefined],
  ])('%s is not believed', (_what, wrong, trust, findings, program) => {
    expect(judged(world({ believe: 'flow' }), signed(wrong))).toEqual({
      trust,
      // With --believe flow an unsigned one may be: nothing speaks against this one's flow.
      believed: trust === 'unsigned',
      findings: [...findings, 'socket', 'sender'],
      program,
    })
  })

  test('just inside the window it is fresh', () => {
    for (const seconds of [NOW - 60, NOW + 60]) {
      expect(judged(world(), signed({ seconds }))).toMatchObject({ trust: 'signed', believed: true })
    }
  })

  test('an older one than the newest of its key and program is refused, of another program not', () => {
    const w = world()
    const all = made(
      signed({ seconds: NOW - 1 }),
      signed({ seconds: NOW - 2, state: 5 }),
      signed({ seconds: NOW - 2, program: 'mail' }),
    )
    const told = w.hear(...all).map((e) => e.kind === 'notice' && [e.object?.program, e.judgement.trust])
    expect(told).toEqual([
      ['time', 'signed'],
      ['time', 'refused'],
      ['mail', 'signed'],
    ])
  })

  test('a signed one behind a NAT is believed, and it is said; so is one from another address', () => {
    const w = world()
    expect(judged(w, signed({ workstation: { port: 61000, address: '203.0.113.5' } }))).toMatchObject({
      believed: true,
      findings: ['signature', 'other-workstation', 'socket', 'sender'],
    })
    expect(judged(w, signed({ from: '192.0.2.77', reason: 'other' }))).toMatchObject({
      believed: true,
      findings: ['signature', 'socket', 'other-sender'],
    })
  })

  test.each<[string, ByHand]>([
    ['from another address', { ...FLOW, ...DOWN, from: '192.0.2.77' }],
    ['about no socket', { ...FLOW, ...DOWN, localPort: 5001 }],
    ['for another workstation', { ...FLOW, ...DOWN, workstation: { port: 61000, address: '203.0.113.5' } }],
    ['about another port of the server', { ...FLOW, ...DOWN, port: { protocol: 17, port: 53 } }],
  ])('with --believe flow, an unsigned one %s is not believed', (_what, notice) => {
    expect(judged(world({ believe: 'flow' }), { ...FLOW, ...DOWN, reason: 'plausible' })).toMatchObject({
      believed: true,
    })
    expect(judged(world({ believe: 'flow' }), notice)).toMatchObject({ trust: 'unsigned', believed: false })
  })

  test('a signature about no socket of this machine is signed and not believed', () => {
    expect(judged(world(), signed({ localPort: 5001 }))).toMatchObject({ trust: 'signed', believed: false })
  })
})

test('a signature that held is remembered for the same octets, and for no others', () => {
  let asked = 0
  const counted = KEYS.map((k) => ({
    ...k,
    verify: (octets: Uint8Array, signature: Uint8Array) => {
      asked++
      return k.verify(octets, signature)
    },
  }))
  const ring = new KeyRing(counted)
  const payload = (notice: ByHand) => {
    // Behind IP and ICMP headers, 128 octets of quote, the structure's header and the object's.
    const octets = made(notice)[0]!.slice(20 + 8 + 128 + 4 + 4)
    const object = outageObject.parse(octets)
    if (object.kind === 'malformed') throw new Error(object.why)
    return ring.verify(object, octets)
  }
  expect([payload(signed()), payload(signed()), asked]).toEqual(['ok', 'ok', 1])
  expect([payload(signed({ reason: 'other' })), asked]).toEqual(['ok', 2])
  expect([payload(signed({ spoiled: true })), payload(signed({ spoiled: true })), asked]).toEqual(['bad', 'bad', 4])
})

describe('the TCP window', () => {
  test.each<[string, number | undefined, string, boolean]>([
    ['taken by the kernel', 0, 'window', true],
    ['refused by the kernel', 1, 'out-of-window', false],
  ])('%s', (_what, refused, finding, believed) => {
    const w = world({ believe: 'flow' })
    expect(w.hear(...made({ ...TCP, ...DOWN }))).toEqual([])
    const due = w.listener.pollTimeout()
    w.refused = refused
    w.listener.handleTimeout((due - 1) as Instant)
    expect(drain(w)).toEqual([])
    w.listener.handleTimeout(due)
    const [e] = drain(w)
    expect(e).toMatchObject({ judgement: { believed, findings: ['no-signature', 'socket', 'sender', finding] } })
  })

  test('where one of two was refused, neither is sure', () => {
    const w = world({ believe: 'flow' })
    w.hear(...made({ ...TCP, ...DOWN }, { ...TCP, ...DOWN, reason: 'other' }))
    w.refused = 1
    w.listener.handleTimeout(w.listener.pollTimeout())
    expect(drain(w).map((e) => e.kind === 'notice' && e.judgement.findings.at(-1))).toEqual([
      'window-unclear',
      'window-unclear',
    ])
  })
})

test('no octets at all throw, and none outside the packet are read', () => {
  const seeds = made(signed(), { ...FLOW6, ...DOWN }, { ...TCP, ...DOWN }, FLOW, { ...FLOW, type: 11, code: 0 })
  const heard = (packet: Uint8Array, poison: number) => {
    const a = arrival(packet, 0 as Instant)
    a.bytes.fill(poison, 0, a.at)
    a.bytes.fill(poison, a.end)
    a.checksum = 'ok'
    const h = hear(a)
    if (typeof h === 'string') return h
    const claim = claimOf(h.extensions)
    const findings = claim && h.flow && examine(claim, h.flow, NOW, () => 'unknown-key', new Newest())
    return toJson({
      ...h,
      claim,
      findings,
      flow: h.flow && showFlow(h.flow),
      from: showIp(h.from),
      to: showIp(h.to),
      quoted: null,
    })
  }
  const edit = fc.record({ at: fc.nat(400), value: fc.nat(255) })
  const input = fc.tuple(fc.nat(seeds.length - 1), fc.array(edit, { maxLength: 6 }), fc.nat(400))
  fc.assert(
    fc.property(input, ([which, edits, cut]) => {
      const packet = seeds[which]!.slice(0, Math.max(1, seeds[which]!.length - (cut % 3 === 0 ? cut : 0)))
      for (const e of edits) packet[e.at % packet.length] = e.value
      expect(heard(packet, 0xa5)).toEqual(heard(packet, 0x5a))
    }),
    { numRuns: 3000 },
  )
})

describe('floods', () => {
  test('a repeated notice is told once, and again when it is worth more', () => {
    const w = world()
    const [forged, real] = made({ ...FLOW, ...DOWN }, signed())
    expect(w.hear(forged!, forged!, real!, real!, forged!)).toHaveLength(2)
    // The sender repeats it a second later, signed anew.
    w.now += 1000
    expect(w.hear(...made(signed({ seconds: NOW + 1 })))).toEqual([])
    expect(w.listener.untold).toEqual({ duplicate: 4 })
    w.now += 60_000
    expect(w.hear(...made(signed({ seconds: NOW + 60 })))).toHaveLength(1)
  })

  test('of forged notices about no socket a few a second are told; they cost bounded look-ups and memory', () => {
    const w = world()
    // 60,000 flows: the octets of one notice with other ports in its quote, and the ICMP checksum put right.
    const [packet] = made({ ...FLOW, ...DOWN })
    const all: ListenerEvent[] = []
    for (let i = 0; i < 60_000; i++) {
      const p = packet!.slice()
      const view = new DataView(p.buffer)
      const sum = view.getUint16(22) + view.getUint16(48)
      view.setUint16(48, i)
      // RFC 1624: the sum of both stays.
      view.setUint16(22, (((sum - i) % 0xffff) + 0xffff) % 0xffff)
      w.now += 0.01
      all.push(...w.hear(p))
    }
    expect(w.listener.heard[3]).toBe(60_000)
    expect(all.filter((e) => e.kind === 'notice' && e.socket === undefined).length).toBeLessThan(120)
    expect(all.filter((e) => e.kind === 'notice' && e.socket !== undefined)).toHaveLength(1)
    const { untold, memory } = w.listener
    expect(untold.rate).toBeGreaterThan(30_000)
    expect(untold['no-socket-rate']).toBeGreaterThan(1000)
    expect(w.looked).toBeLessThan(20_000)
    for (const size of Object.values(memory)) expect(size).toBeLessThanOrEqual(16_384)
    expect(memory.newest).toBe(0)
    expect(memory.programs).toBe(1)
  })

  test('hostile text is kept as it is in the event, for whoever shows it to make harmless', () => {
    const [e] = world().hear(...made({ ...FLOW, ...DOWN, program: '\u001b[2J', reason: 'a\nb' }))
    expect(e).toMatchObject({ object: { program: '\u001b[2J', reason: 'a\nb' } })
  })
})
