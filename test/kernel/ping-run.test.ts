/** The library's ping over real sockets: targets that come and go while it runs, and all the ways in which it ends. */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type PingEvent, ping } from '../../packages/icmpkit/src/index.ts'
import { openCapture } from '../../packages/icmpkit/src/os/capture-socket.ts'
import { readIp4, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { sharedPair } from './shared-pair.ts'

const net = sharedPair()

/** Counts the IPv4 echo requests that leave `a`, by where they go to, until `end`. */
function requests(): { end(): Promise<Map<string, number>> } {
  const socket = openCapture('eth0', { netns: net.a.namespace, icmpOnly: true })
  onTestFinished(() => socket.close())
  const to = new Map<string, number>()
  let read = 0
  const reading = socket.each(({ bytes, at, outgoing }) => {
    read++
    const ip = at + 14
    if (!outgoing || bytes[ip]! >> 4 !== 4 || bytes[ip + 20] !== 8) return
    const dst = showIp(readIp4(bytes, ip + 16))
    to.set(dst, (to.get(dst) ?? 0) + 1)
  })
  return {
    async end() {
      // What the kernel has counted comes with the next block.
      while (read < socket.counts.seen) await delay(1)
      expect(socket.counts.dropped, 'the capture itself lost nothing').toBe(0)
      socket.close()
      await reading
      return to
    },
  }
}

const isReply = (e: PingEvent, target: string, seq: number) =>
  e.kind === 'reply' && e.target === target && e.seq === seq

describe('targets that come and go', () => {
  test('one that is added is asked from its first sequence number on, in the other family too, and the others go on', async () => {
    const run = ping('192.0.2.2', { hold: true, interval: 10, netns: net.a.name })
    const replies: string[] = []
    for await (const e of run) {
      if (e.kind === 'reply') replies.push(`${e.from} ${e.seq}`)
      if (isReply(e, '192.0.2.2', 2)) await Promise.all([run.add('192.0.2.3'), run.add('2001:db8::2')])
      if (isReply(e, '2001:db8::2', 5)) run.stop()
    }
    const of = (target: string) => replies.filter((r) => r.startsWith(`${target} `))
    for (const target of ['192.0.2.3', '2001:db8::2']) {
      expect(of(target).slice(0, 4)).toEqual([1, 2, 3, 4].map((seq) => `${target} ${seq}`))
      expect(replies.indexOf(`${target} 1`)).toBeGreaterThan(replies.indexOf('192.0.2.2 2'))
    }
    expect(of('192.0.2.2').length).toBeGreaterThanOrEqual(5)
    const { targets, answered, summaries } = await run.done
    expect([targets, answered]).toEqual([3, 3])
    expect(summaries.map((s) => s.target).toSorted()).toEqual(['192.0.2.2', '192.0.2.3', '2001:db8::2'])
  })

  test('one that the run has no door for is refused, with the reason, and the run goes on', async () => {
    const run = ping('192.0.2.2', { interval: 10, netns: net.a.name })
    const refused = run.add('2001:db8::2')
    await expect(refused).rejects.toThrow('no door for IPv6: begin it with a target of that family')
    for await (const e of run) if (isReply(e, '192.0.2.2', 3)) break
    expect(await run.done).toMatchObject({ targets: 1, answered: 1 })
  })

  test('one that is removed has its summary at once, and no probe of it is on the wire any more', async () => {
    const wire = requests()
    const run = ping(['192.0.2.2', '192.0.2.3'], { interval: 10, netns: net.a.name })
    const told: PingEvent[] = []
    for await (const e of run) {
      told.push(e)
      if (isReply(e, '192.0.2.3', 3)) run.remove('192.0.2.3')
      if (isReply(e, '192.0.2.2', 30)) break
    }
    const its = told.filter((e) => 'target' in e && e.target === '192.0.2.3')
    const summary = its.at(-1)!
    expect(its.filter((e) => e.kind === 'summary')).toEqual([summary])
    const others = told.slice(told.indexOf(summary)).filter((e) => e.kind === 'reply' && e.target === '192.0.2.2')
    expect(others.length).toBeGreaterThan(20)
    const { summaries } = await run.done
    expect(summaries).toMatchObject([{ target: '192.0.2.3' }, { target: '192.0.2.2' }])
    const [removed, kept] = summaries
    expect(await wire.end()).toEqual(
      new Map([
        ['192.0.2.2', kept!.sent],
        ['192.0.2.3', removed!.sent],
      ]),
    )
    expect(removed!.sent).toBeLessThan(10)
  })

  test('one that is removed and added again is asked anew, from its first sequence number on', async () => {
    const run = ping([], { hold: true, interval: 10, netns: net.a.name })
    await run.add('192.0.2.2')
    const seqs: number[] = []
    for await (const e of run) {
      if (e.kind === 'reply') seqs.push(e.seq)
      if (e.kind === 'reply' && seqs.length === 3) run.remove('192.0.2.2')
      if (e.kind === 'summary' && seqs.length < 6) await run.add('192.0.2.2')
      if (seqs.length === 6) run.stop()
    }
    expect(seqs.slice(0, 6)).toEqual([1, 2, 3, 1, 2, 3])
    expect(await run.done).toMatchObject({ targets: 2, answered: 2, foreign: 0, duplicates: 0 })
  })

  test('a run that holds stays when none of its first names resolves, and asks whoever is added, in either family', async () => {
    const unknown = ['no-such-host.invalid', 'nor-this-one.invalid']
    const run = ping(unknown, { hold: true, interval: 10, netns: net.a.name })
    const kinds: string[] = []
    for await (const e of run) {
      if ('target' in e && e.kind !== 'reply') kinds.push(`${e.kind} ${e.target}`)
      if (e.kind === 'summary' && e.target === unknown[1]) await run.add('192.0.2.2')
      if (isReply(e, '192.0.2.2', 2)) await run.add('2001:db8::2')
      if (isReply(e, '2001:db8::2', 2)) run.stop()
    }
    expect(kinds.slice(0, 4)).toEqual(unknown.flatMap((name) => [`error ${name}`, `summary ${name}`]))
    expect(await run.done).toMatchObject({ targets: 4, answered: 2, unasked: 2 })
  })
})

/** Runs a script in a Node of its own to its end: a process that hangs is ended by a signal, which fails the test. */
async function node(name: string, ...args: string[]) {
  const path = fileURLToPath(new URL(`./scripts/${name}.ts`, import.meta.url))
  const env = { PATH: process.env.PATH ?? '', NODE_NO_WARNINGS: '1' }
  const done = promisify(execFile)(process.execPath, [path, ...args], { timeout: 240_000, killSignal: 'SIGKILL', env })
  return done.then(
    ({ stdout }) => JSON.parse(stdout),
    (e: { code?: number; signal?: string; stderr: string }) => ({ crashed: e.signal ?? e.code, stderr: e.stderr }),
  )
}

describe('a run that somebody leaves', () => {
  test.each(['break', 'throw', 'the end of a block', 'abort'])(
    'by %s: its sockets are closed when it is done, and the process ends by itself',
    async (way) => {
      const { before, during, after } = await node('ping-left', net.a.name, '192.0.2.2', way)
      expect(during.filter((d: string) => d.startsWith('socket')).length).toBeGreaterThan(
        before.filter((d: string) => d.startsWith('socket')).length,
      )
      expect(after).toEqual(before)
    },
  )

  test('by break: where nobody waits for its end either, the process ends by itself, with no socket open', async () => {
    const { before, during, atExit } = await node('ping-left', net.a.name, '192.0.2.2', 'break, and nobody waits')
    expect(during.length).toBeGreaterThan(before.length)
    expect(atExit).toEqual(before)
  })
})

describe('a worker thread that pings', () => {
  const BOTH = '192.0.2.2,2001:db8::2'
  /** How `count` workers end, one after the other, each with a probe every `interval` ms to either family. */
  const workers = (way: string, count: number, interval: number) =>
    node('workers', net.a.name, BOTH, way, `${count}`, `${interval}`)

  test('ends by itself when its run is done', async () => {
    const { before, after, ...ended } = await workers('its end', 2, 5)
    const all = { sent: 40, received: 40 }
    expect(ended).toEqual({ told: [all, all], codes: [0, 0], errors: [], received: 4 })
    expect(after).toEqual(before)
  })

  test('ends by itself after a break', async () => {
    const { before, after, ...ended } = await workers('break', 2, 5)
    expect(ended).toMatchObject({ codes: [0, 0], errors: [], received: 4 })
    expect(after).toEqual(before)
  })

  // Under load an event of the door comes while the thread is being ended, at leisure the door sleeps.
  describe.each([
    ['under load', 0.2],
    ['at leisure', 1000],
  ])('%s', (load, interval) => {
    const count = load === 'under load' ? 8 : 2

    test('can be terminated with its doors open: the process goes on, and nothing stays open', async () => {
      const { before, after, ...ended } = await workers('terminate', count, interval)
      expect(ended).toMatchObject({ codes: Array(count).fill(1), errors: [], received: 4 })
      expect(after).toEqual(before)
    })

    test('can exit with its doors open: the process goes on, and nothing stays open', async () => {
      const { before, after, ...ended } = await workers('process.exit', count, interval)
      expect(ended).toMatchObject({ codes: Array(count).fill(3), errors: [], received: 4 })
      expect(after).toEqual(before)
    })
  })

  test('that throws while it pings ends with its error, and nothing stays open', async () => {
    const { before, after, ...ended } = await workers('throw', 3, 1)
    expect(ended).toMatchObject({ codes: [1, 1, 1], errors: Array(4).fill('mine'), received: 4 })
    expect(after).toEqual(before)
  })

  test('as root keeps uid 0, since a worker changes no user, and says so', async () => {
    const { told, codes, received } = await workers('rights', 1, 5)
    expect({ codes, received }).toEqual({ codes: [0], received: 4 })
    expect(told[0]).toContain('keeps uid 0: a worker thread changes no user or group')
  })
})
