/**
 * What tools see of a lab and what the kernel alone cannot make here: delay, loss and their like (there is no netem), MPLS,
 * turns by packet, nodes that hang, clocks that are wrong. The expectations are what the tools' manuals and RFCs say.
 */
import { beforeEach, expect, test } from 'vitest'
import type { LabConfig } from '../../packages/icmpkit/src/index.ts'
import type { LinkData, TunnelData } from '../../packages/icmpkit/src/lab/index.ts'
import { startProgram } from './icmp-command.ts'
import { fork } from './lab-fork.ts'
import { hops, type LabWorld, LONG, labWorld, PATIENT, row } from './lab-world.ts'
import { needsRoot } from './testnet.ts'

beforeEach(needsRoot)

/** me - r1 - r2 - srv, the link in the middle as told. */
const middle = (link: LinkData) => labWorld(row(2, { 1: link }))

function rtts({ text }: { text: string }): number[] {
  return [...text.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]))
}

test('mtr sees a delay at the hop behind the slow link, and not before it', async () => {
  const w = await middle({ delay: 30 })
  const { text } = await w.run('mtr', '-n', '-r', '-G8', '-c5', '-i0.2', '10.0.2.2')
  const best = (a: string) => Number(new RegExp(`-- ${a} +0\\.0% +5 +[\\d.]+ +[\\d.]+ +([\\d.]+)`).exec(text)![1])
  expect(best('10.0.0.2')).toBeLessThan(30)
  expect(best('10.0.1.2')).toBeGreaterThanOrEqual(60)
  expect(best('10.0.2.2')).toBeGreaterThanOrEqual(60)
})

test('a link that is slow one way only costs its delay once', async () => {
  const w = await middle({ from: { r1: { delay: 80 } } })
  const all = rtts(await w.run('ping', '-w60', '-c8', '-i0.1', '10.0.2.2'))
  const shortest = Math.min(...all)
  expect(shortest).toBeGreaterThanOrEqual(80)
  // Of eight: one that a busy machine held up says nothing.
  expect(shortest).toBeLessThan(160)
})

test('jitter spreads what ping measures', async () => {
  const w = await middle({ delay: 30, jitter: 20 })
  const { text } = await w.run('ping', '-c30', '-i0.05', '10.0.2.2')
  const [, min, max] = /min\/avg\/max\/mdev = ([\d.]+)\/[\d.]+\/([\d.]+)/.exec(text)!
  expect(Number(min)).toBeGreaterThanOrEqual(20)
  expect(Number(max) - Number(min)).toBeGreaterThan(10)
})

test('ping and mtr count what a link loses, and the seed says which', async () => {
  const config: LabConfig = { ...row(2, { 1: { loss: 0.3 } }), seed: 7 }
  const lost = async (w: LabWorld) => {
    const { text } = await w.run('ping', '-c40', '-i0.02', '-W1', '10.0.2.2')
    return [...text.matchAll(/icmp_seq=(\d+) ttl/g)].map((m) => m[1])
  }
  const w = await labWorld(config)
  // A neighbour that asks again for an address takes other chances: all are known before.
  await w.run('ping', '-c20', '-i0.02', '-W1', '10.0.2.2')
  const came = await lost(w)
  expect(came.length).toBeGreaterThan(5)
  expect(came.length).toBeLessThan(35)
  const { text } = await w.run('mtr', '-n', '-r', '-G8', '-c30', '-i0.1', '10.0.2.2')
  expect(text).toMatch(/-- 10\.0\.0\.2 +0\.0%/)
  expect(Number(/-- 10\.0\.2\.2 +([\d.]+)%/.exec(text)![1])).toBeGreaterThan(10)
})

test('a packet that comes twice is DUP! to ping', async () => {
  const w = await middle({ from: { r1: { duplicate: 1 } } })
  const { text } = await w.run('ping', '-w60', '-c3', '-i0.2', '10.0.2.2')
  expect(text).toMatch(/\(DUP!\)/)
  expect(text).toMatch(/3 received, \+[23] duplicates/)
})

test('packets that pass others come in another order', async () => {
  const w = await middle({ delay: 60, from: { r1: { delay: 60, reorder: 0.3 } } })
  await w.run('ping', '-c1', '10.0.2.2')
  const { text } = await w.run('ping', '-w60', '-c60', '-i0.01', '10.0.2.2')
  const order = [...text.matchAll(/icmp_seq=(\d+)/g)].map((m) => Number(m[1]))
  expect(order.length).toBeGreaterThan(50)
  expect(order).not.toEqual([...order].sort((a, b) => a - b))
})

test('a turned bit costs the packet: its checksum does not hold any more', async () => {
  const w = await middle({})
  await w.run('ping', '-c1', '10.0.2.2')
  w.net.lab.change('r1-r2', { from: { r1: { corrupt: 1 } } })
  const { text } = await w.run('ping', '-c10', '-i0.05', '-W1', '-s1000', '10.0.2.2')
  expect(text).toMatch(/10 packets transmitted, 0 received/)
})

test('a slow line takes its time for each octet, and its queue drops what it cannot hold', async () => {
  const w = await middle({ rate: 400_000, queue: 5 })
  await w.run('ping', '-c1', '10.0.2.2')
  // 1,042 octets at 400 kbit/s are 21 ms, each way.
  for (const rtt of rtts(await w.run('ping', '-w60', '-c3', '-i0.2', '-s1000', '10.0.2.2')))
    expect(rtt).toBeGreaterThanOrEqual(41)
  // It waits so long for the last ones.
  const { text } = await w.run('fping', '-q', '-c40', '-p2', '-t10000', '-b1000', '10.0.2.2')
  const received = Number(/xmt\/rcv\/%loss = 40\/(\d+)\//.exec(text)![1])
  expect(received).toBeGreaterThanOrEqual(5)
  expect(received).toBeLessThan(40)
  // What the nodes say to each other finds the queue full too.
  expect(w.net.snapshot().links['r1-r2']?.['queue-full']).toBeGreaterThanOrEqual(40 - received)
})

const tunnel = (mode: TunnelData['mode']): LabConfig => ({
  ...row(5),
  tunnels: [{ path: ['r1', 'r2', 'r3', 'r4'], mode }],
})
const SRV = '10.0.5.2'
const LABEL = /<MPLS:L=\d+,E=\d,S=1,T=\d+>/

/** The lines of traceroute, by TTL. */
function lines({ text }: { text: string }): string[] {
  return text.split('\n').filter((l) => /^ *\d+ {2}/.test(l))
}

test('inside an explicit tunnel traceroute -e and mtr -e see the labels (RFC 4950)', async () => {
  const w = await labWorld(tunnel('explicit'))
  const printed = await w.run('traceroute', '-n', '-e', '-q1', LONG, SRV)
  expect(hops(printed), printed.text).toEqual(
    ['10.0.0.2', '10.0.1.2', '10.0.2.2', '10.0.3.2', '10.0.4.2', SRV].map((a) => [a]),
  )
  const labelled = lines(printed).map((l) => LABEL.test(l))
  expect(labelled, printed.text).toEqual([false, true, true, false, false, false])
  // Its report names no labels: its screen does.
  const screen = await w.run('env', 'TERM=xterm', 'script', '-qec', `mtr -n -e -t -c2 -i0.2 ${SRV}`, '/dev/null')
  expect(screen.text.match(/MPLS: Lbl \d+ TC 0 S 1 TTL 1/g), screen.text).toHaveLength(2)
})

test('an implicit tunnel shows its nodes and no label', async () => {
  const printed = await (await labWorld(tunnel('implicit'))).run('traceroute', '-n', '-e', '-q1', LONG, SRV)
  expect(hops(printed).flat(), printed.text).toEqual(['10.0.0.2', '10.0.1.2', '10.0.2.2', '10.0.3.2', '10.0.4.2', SRV])
  expect(printed.text).not.toMatch(/MPLS/)
})

test('an invisible tunnel hides its inner nodes', async () => {
  const printed = await (await labWorld(tunnel('invisible'))).run('traceroute', '-n', '-e', '-q1', LONG, SRV)
  expect(hops(printed).flat(), printed.text).toEqual(['10.0.0.2', '10.0.3.2', '10.0.4.2', SRV])
  expect(printed.text).not.toMatch(/MPLS/)
})

test('an opaque tunnel hides its inner nodes, and its end tells the label', async () => {
  const printed = await (await labWorld(tunnel('opaque'))).run('traceroute', '-n', '-e', '-q1', LONG, SRV)
  expect(hops(printed).flat(), printed.text).toEqual(['10.0.0.2', '10.0.3.2', '10.0.4.2', SRV])
  expect(lines(printed).map((l) => LABEL.test(l))).toEqual([false, true, false, false])
})

test('by packet, even echo requests of one identifier go both ways', async () => {
  const w = await labWorld(fork('packet'))
  const { text } = await w.run('traceroute', '-n', '-I', '-q10', '-N10', '-f2', '-m2', '-w2', SRV)
  const ways = text.match(/10\.0\.[12]\.2(?= )/g) ?? []
  expect([...new Set(ways)].sort()).toEqual(['10.0.1.2', '10.0.2.2'])
})

test('a way that hangs is gone around, a node that hangs alone is silence', async () => {
  const w = await labWorld(fork('flow'))
  const ping = async (wait = '-W60') => (await w.run('ping', '-c1', wait, SRV)).text
  expect(await ping()).toMatch(/1 received/)
  w.net.lab.turn('a', 'down')
  expect(await ping()).toMatch(/1 received/)
  w.net.lab.turn('srv', 'down')
  expect(await ping('-W1')).toMatch(/ 0 received/)
  w.net.lab.turn('srv', 'up')
  // Whoever has asked for it meanwhile, and got no answer, waits a moment before he asks again.
  while (!/1 received/.test(await ping('-W1')));
})

test('at its moment a link breaks and is mended while ping looks on', async () => {
  const w = await labWorld({
    ...row(2),
    at: [
      { time: 5000, down: ['r1', 'r2'] },
      { time: 10_000, up: ['r1', 'r2'] },
    ],
  })
  const ping = startProgram(undefined, 'ip', ['netns', 'exec', w.ready.netns!, 'ping', '-i0.2', '10.0.2.2'])
  await ping.until(
    /64 bytes from 10\.0\.2\.2[\s\S]*From 10\.0\.0\.2 icmp_seq=\d+ Destination Net Unreachable[\s\S]*64 bytes from 10\.0\.2\.2/,
  )
})

test('a node whose clock is wrong tells so in a timestamp option, this machine’s time else', async () => {
  const config = row(2)
  const w = await labWorld({ ...config, nodes: { ...config.nodes, r2: { kind: 'gateway', clockOffset: 60_000 } } })
  const { text } = await w.run('ping', '-c1', '-T', 'tsandaddr', '10.0.2.2')
  const [r1, r2] = ['10.0.1.1', '10.0.2.1'].map((a) => Number(new RegExp(`\\t${a}\\t(-?\\d+)`).exec(text)![1]))
  expect(Math.abs(r1!), text).toBeLessThan(10_000)
  expect(r2! - r1!, text).toBeGreaterThan(50_000)
})

test('servers answer at their ports: open to nmap, and others closed', async () => {
  const config = row(1)
  const w = await labWorld({ ...config, nodes: { ...config.nodes, srv: { kind: 'host', udp: [7], tcp: [80] } } })
  const tcp = await w.run('nmap', ...PATIENT, '-n', '-Pn', '-sS', '-p80,81', '10.0.1.2')
  expect(tcp.text).toMatch(/80\/tcp +open/)
  expect(tcp.text).toMatch(/81\/tcp +closed/)
  const udp = await w.run('nmap', ...PATIENT, '-n', '-Pn', '-sU', '-p7,8', '10.0.1.2')
  expect(udp.text).toMatch(/7\/udp +open/)
  expect(udp.text).toMatch(/8\/udp +closed/)
})

test('nodes are known by their names in there', async () => {
  const w = await labWorld(row(1))
  expect((await w.run('ping', '-4', '-c1', 'srv')).text).toMatch(/from srv \(10\.0\.1\.2\)/)
  expect((await w.run('traceroute', '-q1', LONG, 'srv')).text).toMatch(
    / 1 {2}r1 \(10\.0\.0\.2\)[\s\S]* 2 {2}srv \(10\.0\.1\.2\)/,
  )
})
