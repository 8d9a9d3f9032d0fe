/** What a network can do to an answer, done for real: each outcome under its own name, through both doors. */
import { describe, expect, test } from 'vitest'
import { type Answer, hostile, type Question, reply } from './hostile-host.ts'
import { events, icmp } from './icmp-command.ts'
import { sharedPair } from './shared-pair.ts'
import { ip } from './testnet.ts'

const net = sharedPair()
const PEER = { 4: '192.0.2.2', 6: '2001:db8::2' } as const
const OTHER = { 4: '192.0.2.3', 6: '2001:db8::3' } as const
const DOORS = (['ping-socket', 'raw-socket'] as const).flatMap((door) =>
  ([4, 6] as const).map((family) => ({ door, family })),
)

describe.each(DOORS)('$door, IPv$family', ({ door, family }) => {
  /** What `ping` says of a peer that answers so. */
  async function told(answers: (q: Question) => readonly Answer[], ...args: string[]) {
    const { asked } = await hostile(net.b, family, answers)
    const done = await icmp(net.a, ['ping', '--json', '--door', door, ...args, PEER[family]])
    const all = events(done)
    const summary = all.find((e) => e.kind === 'summary')
    return { asked, done, all, summary, kinds: all.slice(0, -2).map((e) => `${e.kind} ${e.seq}`) }
  }

  test('twice answered is a duplicate', async () => {
    const { kinds, summary } = await told(
      (q) => [0, 1, 2].map((after) => ({ after, packet: reply(q) })),
      ...['-c2', '-i2', '-w60'],
    )
    expect(kinds.slice(0, 4)).toEqual(['reply 1', 'duplicate 1', 'duplicate 1', 'reply 2'])
    expect(summary).toMatchObject({ sent: 2, received: 2, lost: 0 })
    expect(summary.duplicates).toBeGreaterThanOrEqual(2)
  })

  test('after the time-out it is late and corrects the loss, with its true round trip', async () => {
    const { kinds, all, summary } = await told(
      (q) => [{ after: q.n === 0 ? 2500 : 0, packet: reply(q) }],
      ...['-c4', '-i1', '-W1.5'],
    )
    expect(kinds).toEqual(['reply 2', 'timeout 1', 'reply 3', 'late 1', 'reply 4'].sort(byMoment(kinds)))
    const late = all.find((e) => e.kind === 'late')
    expect(late.rttNs).toBeGreaterThan(2450e6)
    expect(late.reordered).toBe(true)
    expect(summary).toMatchObject({ sent: 4, received: 4, lost: 0, late: 1, reordered: 1 })
  })

  test('overtaken is reordered, and on time', async () => {
    const { kinds, all, summary } = await told(
      (q) => [{ after: q.n === 0 ? 1500 : 0, packet: reply(q) }],
      ...['-c3', '-i0.2', '-W30'],
    )
    expect(kinds).toEqual(['reply 2', 'reply 3', 'reply 1'])
    expect(all.slice(0, 3).map((e) => e.reordered)).toEqual([false, false, true])
    expect(summary).toMatchObject({ received: 3, lost: 0, reordered: 1, late: 0 })
  })

  test('with one octet changed it is corrupt, where it was changed', async () => {
    const { all, summary } = await told(
      (q) => [{ after: 0, packet: reply(q, { change: (m) => m.with(50, m[50]! ^ 0x80) }) }],
      ...['-c1', '-W1'],
    )
    expect(all[0]).toMatchObject({ kind: 'corrupt', seq: 1, differsAt: 50, from: PEER[family] })
    expect(summary).toMatchObject({ sent: 1, received: 0, corrupt: 1, lost: 1 })
  })

  test('cut short or longer than asked, it is corrupt from there on', async () => {
    const { all } = await told(
      (q) => [{ after: 0, packet: reply(q, { change: (m) => (q.n === 0 ? m.slice(0, 40) : Uint8Array.of(...m, 0)) }) }],
      ...['-c2', '-i0.05', '-W1'],
    )
    expect(all.slice(0, 2)).toMatchObject([
      { kind: 'corrupt', seq: 1, bytes: 40, differsAt: 40 },
      { kind: 'corrupt', seq: 2, bytes: 65, differsAt: 64 },
    ])
  })

  test('with a bad checksum it is corrupt where the door sees it, else a loss; never a reply', async () => {
    const { kinds, all } = await told((q) => [{ after: 0, packet: reply(q, { broken: true }) }], ...['-c1', '-W1'])
    const seen = door === 'raw-socket' && family === 4
    // The kernel counts it among the drops of a raw IPv6 socket, which no probe of ours is.
    expect(kinds.filter((k) => k !== 'local-drop null')).toEqual([seen ? 'corrupt 1' : 'timeout 1'])
    if (seen) expect(all[0].differsAt).toBe('checksum')
  })

  test('from an address that was not asked it is foreign, and the probe is lost', async () => {
    const { all, summary } = await told(
      (q) => [{ after: 0, packet: reply(q, { from: ip(OTHER[family]) }) }],
      ...['-c1', '-W1'],
    )
    expect(all[0]).toMatchObject({ kind: 'foreign', from: OTHER[family], target: PEER[family], seq: 1, bytes: 64 })
    expect(all[1]).toMatchObject({ kind: 'timeout', seq: 1 })
    expect(summary).toMatchObject({ received: 0, foreign: 1, lost: 1 })
  })

  test('with a sequence that was never sent it is foreign', async () => {
    const { all } = await told(
      (q) => [
        { after: 0, packet: reply(q, { change: (m) => m.with(6, 0x77).with(20, 0x77) }) },
        { after: 20, packet: reply(q) },
      ],
      ...['-c1', '-W1'],
    )
    expect(all.map((e) => e.kind)).toEqual(['foreign', 'reply', 'summary', 'total'])
  })

  test("another run's answer is none of ours, even with our identifier and sequence", async () => {
    const { kinds, summary } = await told(
      (q) => [
        { after: 0, packet: reply(q, { change: (m) => m.fill(0x5a, 8, 24) }) },
        { after: 20, packet: reply(q) },
      ],
      ...['-c1', '-W1'],
    )
    expect(kinds).toEqual(['corrupt 1', 'reply 1'])
    expect(summary).toMatchObject({ received: 1, lost: 0, corrupt: 1 })
  })

  test('below 16 octets of payload the address, identifier and sequence must do', async () => {
    const { kinds, done } = await told(
      (q) => [{ after: q.n === 1 ? 1500 : 0, packet: reply(q) }],
      ...['-s8', '-c3', '-i0.2', '-W30'],
    )
    expect(kinds).toEqual(['reply 1', 'reply 3', 'reply 2'])
    expect(done.err).toMatch(/^icmp: a payload of 8 octets has no room for our token/)
  })

  test('the statistics are of the round trips told', async () => {
    const { all, summary } = await told(
      (q) => [{ after: [5, 25, 15, 0, 10][q.n]!, packet: reply(q) }],
      ...['-c5', '-i0.05', '-W30'],
    )
    const trips = all.filter((e) => e.kind === 'reply').map((e) => e.rttNs)
    expect(trips).toHaveLength(5)
    const sorted = trips.toSorted((a, b) => a - b)
    const avg = trips.reduce((a, b) => a + b) / 5
    const spread = Math.sqrt(trips.reduce((n, t) => n + (t - avg) ** 2, 0) / 5)
    expect(summary.rttNs).toMatchObject({
      min: sorted[0],
      max: sorted[4],
      p50: sorted[2],
      p90: sorted[4],
      p99: sorted[4],
    })
    expect(Math.abs(summary.rttNs.avg - avg)).toBeLessThanOrEqual(1)
    expect(Math.abs(summary.rttNs.mdev - spread)).toBeLessThanOrEqual(1)
    // RFC 3550 §6.4.1, in the order of arrival.
    const jitter = trips.slice(1).reduce((j, t, i) => j + (Math.abs(t - trips[i]!) - j) / 16, 0)
    expect(Math.abs(summary.rttNs.jitter - jitter)).toBeLessThanOrEqual(1)
  })

  test('runs of losses are counted', async () => {
    const { summary } = await told(
      (q) => ([1, 2, 5].includes(q.n) ? [] : [{ after: 0, packet: reply(q) }]),
      ...['-c8', '-i0.03', '-W1'],
    )
    expect(summary).toMatchObject({ sent: 8, lost: 3, lossBursts: 2, longestLossBurst: 2 })
  })

  test('after ten losses in a row it asks with another identifier: a firewall can be stuck on one', async () => {
    let first = -1
    const { asked, summary } = await told(
      (q) => {
        const id = (q.icmp[4]! << 8) | q.icmp[5]!
        if (first < 0) first = id
        return id === first ? [] : [{ after: 0, packet: reply(q) }]
      },
      ...['-c40', '-i0.05', '-W0.5'],
    )
    expect(new Set(asked.map((q) => `${q.icmp[4]},${q.icmp[5]}`)).size).toBe(2)
    expect(summary.longestLossBurst).toBeGreaterThanOrEqual(10)
    expect(summary.received).toBeGreaterThanOrEqual(2)
  })
})

/** The order in which two timers that are due together fire is nobody's promise. */
function byMoment(seen: readonly string[]): (a: string, b: string) => number {
  return (a, b) => seen.indexOf(a) - seen.indexOf(b)
}
