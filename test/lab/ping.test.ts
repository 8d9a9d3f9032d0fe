/** The library's own asking machines over doors of a lab: they cannot tell it from a kernel. */
import { expect, test } from 'vitest'
import { ping } from '../../packages/icmpkit/src/index.ts'
import { lab } from '../../packages/icmpkit/src/lab/index.ts'

test('ping over a lab door gets replies whose round trip is twice the delay, in virtual time', async () => {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b', { delay: 5, medium: 'ip' }]] })
  net.run(10_000)
  const over = { doors: [net.node('a').door()], clock: net.clock }
  const events = []
  for await (const e of ping('2001:db8::2', { count: 3, over })) events.push(e)
  const rtts = events.flatMap((e) => (e.kind === 'reply' ? [e.rttNs] : []))
  expect(rtts).toEqual([10_000_000, 10_000_000, 10_000_000])
  // The third left two seconds after the first.
  expect(net.now).toBe(12_010)
})
