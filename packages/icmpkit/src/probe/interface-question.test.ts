import { expect, test } from 'vitest'
import { one, replies, summaryOf } from '../../../../test/probe/scripted-network.ts'
import { fold, sum } from '../wire/checksum.ts'
import { InterfaceQuestion } from './interface-question.ts'

/** An extended echo reply made from the octets of the request (RFC 8335 §3): addresses swapped, eight octets of ICMP. */
function extendedReply(request: Uint8Array): Uint8Array {
  const r = request.slice(0, 28)
  r.set(request.subarray(12, 16), 16)
  r.set(request.subarray(16, 20), 12)
  r[2] = 0
  r[3] = 28
  r[10] = r[11] = 0
  const header = ~fold(sum(r, 0, 20)) & 0xffff
  r[10] = header >> 8
  r[11] = header & 255
  r[20] = 43
  r[22] = r[23] = 0
  r[27] = 0b110
  const check = ~fold(sum(r, 20, 28)) & 0xffff
  r[22] = check >> 8
  r[23] = check & 255
  return r
}

test('a reply belongs to the probe of its identifier and eight-bit sequence, also after that has wrapped (RFC 8335 Appendix A) [v4-probe-client-match]', () => {
  const question = new InterfaceQuestion({ kind: 'interfaceByName', name: 'eth0' }, true)
  const wire = new Set<number>()
  const events = one({ question, count: 300, intervalMs: 20, timeoutMs: 2000 }, (p, n) => {
    wire.add(p[26]!)
    // Each takes its own time, so that a reply to another probe would show.
    return [{ after: 5 + (n % 7), bytes: extendedReply(p) }]
  })
  expect(wire.size).toBe(256)
  const got = replies(events)
  expect(got.map((e) => e.seq)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
  expect(got.map((e) => Math.round(e.rttNs / 1e6))).toEqual(Array.from({ length: 300 }, (_, i) => 5 + (i % 7)))
  expect(summaryOf(events)).toMatchObject({ sent: 300, received: 300, lost: 0 })
})

test('a reply with another identifier is none of ours', () => {
  const question = new InterfaceQuestion({ kind: 'interfaceByName', name: 'eth0' }, true)
  const events = one({ question, count: 2, intervalMs: 20, timeoutMs: 50 }, (p) => {
    const r = extendedReply(p)
    r[24]! ^= 1
    r[22] = r[23] = 0
    const check = ~fold(sum(r, 20, 28)) & 0xffff
    r[22] = check >> 8
    r[23] = check & 255
    return [{ after: 5, bytes: r }]
  })
  expect(summaryOf(events)).toMatchObject({ sent: 2, received: 0, lost: 2 })
})
