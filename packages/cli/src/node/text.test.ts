import { expect, test } from 'vitest'
import { line, summary } from './text.ts'

test.each([
  ['not-used', 'eth1: 192.0.2.9 is not used: 02:00:00:00:00:09 has it\n'],
  ['given-up', 'eth1: 192.0.2.9 is given up: 02:00:00:00:00:09 claims it\n'],
  ['defended', 'eth1: 02:00:00:00:00:09 claims 192.0.2.9 as well, and was told that it is in use here\n'],
] as const)('an address that somebody else claims and that is %s says so', (outcome, text) => {
  const by = '02:00:00:00:00:09'
  expect(line({ kind: 'address-conflict', time: '0', port: 'eth1', address: '192.0.2.9', by, outcome })).toBe(text)
})

test('errors are counted by type and code, with what they are called', () => {
  const none = { suppressed: {}, malformed: {}, dropped: {} }
  const zero = { answered: 0, forwarded: 0, delivered: 0, originated: 0, queueOverflow: 0, untold: 0 }
  const busyPoll = { spentMs: 0, found: 0, woken: 0 }
  const errorsSent = { 'v4 unreachable 3': 12, 'v6 packetTooBig 0': 1, 'v4 redirect 1': 2 }
  const errorsReceived = { 'v6 timeExceeded 1': 3, 'v6 newfangled 0': 4 }
  expect(
    summary({ kind: 'summary', time: '0', received: 0, ...zero, ...none, errorsSent, errorsReceived, busyPoll }),
  ).toBe(` 0  received
12  error sent: v4 unreachable 3 (Port Unreachable)
 1  error sent: v6 packetTooBig 0 (Packet Too Big)
 2  error sent: v4 redirect 1 (Redirect Datagram for the Host)
 3  error received: v6 timeExceeded 1 (Fragment reassembly time exceeded)
 4  error received: v6 newfangled 0
`)
})
