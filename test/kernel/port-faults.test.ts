/** What happens to an interface under a running `icmp host`: a clear line, and it goes on (issue show 8). */
import { beforeEach, expect, test } from 'vitest'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { events, type Running, start, startProgram } from './icmp-command.ts'
import { cable, type Host, host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

interface Net {
  linux: Host
  ours: Host
  running: Running
}

async function running(): Promise<Net> {
  const linux = host('fl')
  const ours = host('fo')
  connect(linux, ours)
  const run = start(ours, ['host', '--port', 'eth0=192.0.2.9/24,2001:db8::9/64', '--conflict-check', 'fast', '--json'])
  await run.until(/"kind":"ready"/)
  expect(await answers(linux)).toEqual([true, true])
  return { linux, ours, running: run }
}

function connect(linux: Host, ours: Host): void {
  cable(linux, ours)
  for (const prefix of ['192.0.2.1/24', '2001:db8::1/64', 'fe80::1/64']) linux.address('eth0', prefix)
}

/** Does it answer over IPv4, and over IPv6? */
async function answers(linux: Host, ...how: string[]): Promise<[boolean, boolean]> {
  const ask = (target: string) =>
    startProgram(linux, 'ping', ['-n', '-c', '1', '-W', '60', ...how, target]).ended.then((e) => e.code === 0)
  return [await ask('192.0.2.9'), await ask('2001:db8::9')]
}

test('an interface that is removed and brought back is told of, and answers again', async () => {
  const { linux, ours, running: run } = await running()
  linux.netlink.removeLink('eth0')
  await run.until(/"kind":"port".*"state":"gone"/)
  connect(linux, ours)
  await run.until(/"kind":"port".*"state":"back"/)
  await run.until(
    /"address":"2001:db8::9"[^\n]*\n[\s\S]*"state":"back"|"state":"back"[\s\S]*"address-ready"[\s\S]*2001:db8::9/,
  )
  expect(await answers(linux)).toEqual([true, true])
  run.signal('SIGINT')
  const ended = await run.ended
  expect({ code: ended.code, err: ended.err }).toEqual({ code: 0, err: '' })
  expect(events(ended).at(-1)).toMatchObject({ kind: 'summary' })
})

test('another MTU is taken over: larger answers leave in fragments', async () => {
  const { linux, ours, running: run } = await running()
  ours.netlink.setLink('eth0', { mtu: 1300 })
  await run.until(/"kind":"port".*"state":"changed","mtu":1300/)
  linux.netlink.setLink('eth0', { mtu: 1300 })
  expect(await answers(linux, '-s', '2000')).toEqual([true, true])
})

test('another link-layer address is taken over, and the neighbours are told', async () => {
  const { linux, ours, running: run } = await running()
  ours.netlink.setLink('eth0', { address: unhex('020000aabbcc') })
  await run.until(/"kind":"port".*"state":"changed".*"mac":"02:00:00:aa:bb:cc"/)
  expect(await answers(linux)).toEqual([true, true])
  const known = linux.netlink.neighbours().filter((n) => n.lladdr !== undefined && n.lladdr[5] === 0xcc)
  expect(known.length).toBeGreaterThanOrEqual(1)
})

test('a link without a carrier is told of, and answers again when it has one', async () => {
  const { linux, running: run } = await running()
  linux.netlink.setLink('eth0', { up: false })
  await run.until(/"kind":"port".*"state":"down"/)
  linux.netlink.setLink('eth0', { up: true })
  await run.until(/"kind":"port".*"state":"up"/)
  // The kernel's side has lost its IPv6 addresses with the link.
  linux.address('eth0', '2001:db8::1/64')
  await run.until(/"state":"up"[\s\S]*"kind":"address-ready"[\s\S]*"kind":"address-ready"/)
  expect(await answers(linux)).toEqual([true, true])
})
