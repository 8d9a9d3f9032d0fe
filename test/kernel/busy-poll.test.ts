/** `icmp host --busy-poll`: after a frame it looks for the next one instead of sleeping, and sleeps again in time. */
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Door, Machine } from '../../packages/icmpkit/src/door.ts'
import { openCapture, RealClock } from '../../packages/icmpkit/src/os/index.ts'
import { RunningPort } from '../../packages/icmpkit/src/runs/node/port.ts'
import { warmingOf } from '../../packages/icmpkit/src/runs/node/warming.ts'
import { ping } from '../../packages/icmpkit/src/runs/ping/ping.ts'
import { hex } from '../../packages/icmpkit/src/wire/octets.ts'
import { events, type Running, start } from './icmp-command.ts'
import { until } from './port-machine.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

async function running(poll: string): Promise<{ linux: Host; run: Running }> {
  const linux = host('bl')
  const ours = host('bo')
  cable(linux, ours)
  for (const prefix of ['192.0.2.1/24', '2001:db8::1/64']) linux.address('eth0', prefix)
  const port = ['--port', 'eth0=192.0.2.9/24,2001:db8::9/64', '--conflict-check', 'off', '--no-autoconf']
  const run = start(ours, ['host', ...port, '--busy-poll', poll, '--json'])
  await run.until(/"kind":"ready"/)
  return { linux, run }
}

/** How many of `count` echoes are answered. */
const asked = (linux: Host, to: string, count: number, interval: number) =>
  ping(to, { netns: linux.name, count, interval, timeout: 30_000 }).done.then((s) => s.received)

/** Clock ticks of processor time that it has used. */
function ticks({ process }: Running): number {
  const fields = readFileSync(`/proc/${process.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** Until it has waited for nothing but the next frame: without a tick of processor time for a while, however late its turn comes. */
async function asleep(run: Running): Promise<void> {
  const state = () => /^.*\) (\S)/s.exec(readFileSync(`/proc/${run.process.pid}/stat`, 'utf8'))![1]
  for (let quiet = 0; quiet < 20; ) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    quiet = state() === 'S' ? quiet + 1 : 0
  }
}

async function summaryOf(run: Running) {
  run.signal('SIGINT')
  const e = await run.ended
  expect({ code: e.code, err: e.err }).toEqual({ code: 0, err: '' })
  return events(e).at(-1)
}

test('it says how long it looks, answers both families, and finds by looking what comes meanwhile', async () => {
  const { linux, run } = await running('1h')
  expect(events(run.written)[0]).toMatchObject({ kind: 'ready', busyPollMs: 3_600_000 })
  for (const address of ['192.0.2.9', '2001:db8::9']) {
    expect(await asked(linux, address, 10, 10)).toBe(10)
  }
  const { busyPoll, answered } = await summaryOf(run)
  expect(answered).toBeGreaterThanOrEqual(20)
  // The first frame wakes it; several may be found at once.
  expect(busyPoll.found).toBeGreaterThan(busyPoll.woken)
})

test('after its time it sleeps: what comes then wakes it, and is answered', async () => {
  const { linux, run } = await running('20ms')
  for (let i = 0; i < 5; i++) {
    expect(await asked(linux, '192.0.2.9', 1, 0)).toBe(1)
    await asleep(run)
  }
  const { busyPoll } = await summaryOf(run)
  expect(busyPoll.woken).toBeGreaterThanOrEqual(5)
})

test('while it looks it uses many times the processor time of the same seconds asleep', async () => {
  const { linux, run } = await running('2s')
  const used = async () => {
    const before = ticks(run)
    await new Promise((resolve) => setTimeout(resolve, 900))
    return ticks(run) - before
  }
  const before = ticks(run)
  expect(await asked(linux, '192.0.2.9', 1, 0)).toBe(1)
  // The first seconds are spent looking; a quiet one comes after them, sooner or later on any machine.
  await used()
  const looking = ticks(run) - before
  while ((await used()) * 5 >= looking);
  await summaryOf(run)
})

test('SIGINT ends it while it looks', async () => {
  const { linux, run } = await running('1h')
  expect(await asked(linux, '192.0.2.9', 1, 0)).toBe(1)
  const { answered, busyPoll } = await summaryOf(run)
  expect(answered).toBeGreaterThan(0)
  expect(busyPoll.woken).toBeGreaterThan(0)
})

test('its interface is removed while it looks: that is told, and it ends in peace', async () => {
  const { linux, run } = await running('1h')
  expect(await asked(linux, '192.0.2.9', 1, 0)).toBe(1)
  linux.netlink.removeLink('eth0')
  await run.until(/"kind":"port".*"state":"gone"/)
  expect((await summaryOf(run)).kind).toBe('summary')
})

describe('what keeps it warm meanwhile', () => {
  test('is answered by a stack of its own, at addresses of any kind', async () => {
    const h = host('br')
    cable(host('bs'), h)
    const config = { name: 'eth0', addresses: [] }
    const port = await RunningPort.open(config, { ports: [config], netns: h.name })
    onTestFinished(() => port.close())
    const prefixes = [
      '192.0.2.1/24',
      '192.0.2.254/24',
      '192.0.2.5/30',
      '192.0.2.8/31',
      '2001:db8::1/64',
      '2001:db8::3/126',
    ]
    for (const text of prefixes) {
      const [address, length] = text.split('/')
      const addresses = [{ address: ip(address!), prefixLength: Number(length) }]
      const { index, mac, mtu, medium } = port
      const ports = [{ index, name: 'eth0', mac, mtu, medium, addresses }]
      const clock = new RealClock()
      const warming = warmingOf([port], ports, clock)!
      for (let i = 0; i < 250; i++) {
        const door = warming.next() as unknown as Door
        expect(door.receive(clock.now(), {} as Machine<unknown>, 1)).toBe(1)
      }
      const { received, answered, dropped } = warming.counters
      expect({ text, received, answered }).toEqual({ text, received: 250, answered: 250 })
      // As far as the stack knows, its answers found no room.
      expect(Object.keys(dropped)).toEqual(['queue-full'])
    }
  })

  test('does not leave the machine, and is not counted', async () => {
    const { linux, run } = await running('1h')
    const tap = openCapture('eth0', { netns: linux.name, promiscuous: true })
    onTestFinished(() => tap.close())
    const from: string[] = []
    const look = () => tap.read((f) => void (f.outgoing || from.push(hex(f.bytes, f.at, f.at + 6))))
    for (let i = 0; i < 20; i++) {
      expect(await asked(linux, '192.0.2.9', 1, 0)).toBe(1)
      look()
    }
    const { received, originated, busyPoll } = await summaryOf(run)
    expect(busyPoll.found).toBeGreaterThan(0)
    await until(() => {
      look()
      return from.length >= 20
    })
    expect(from).not.toContain('020000000001')
    // Thousands were answered so.
    expect(received + originated).toBeLessThan(300)
  })
})
