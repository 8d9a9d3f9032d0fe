/** `icmp send` between real kernels: replies, errors, silence, and what the kernel refuses. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { nobody } from '../nobody.ts'
import { makeHost, needsRoot } from './testnet.ts'
import { CLIENT, ROUTER, SERVER, type ThreeHosts, threeHosts, UNREACHABLE } from './three-hosts.ts'

const ICMP = resolve(import.meta.dirname, '../../packages/icmpkit/bin/icmp.js')
let hosts: ThreeHosts | undefined

beforeAll(() => {
  if (process.getuid?.() === 0) hosts = threeHosts()
})
afterAll(() => hosts?.[Symbol.dispose]())
beforeEach(needsRoot)

/** Answer within 100 ms: a general query (RFC 3810 §5.1). */
const MLD_QUERY = '{"kind":"mldv2Query","group":"::","maxResponseDelayMs":100}'

interface Event {
  kind: string
  [field: string]: unknown
}

function icmpSend(...args: string[]): { status: number | null; events: Event[]; stderr: string } {
  const all = [ICMP, 'send', '--netns', hosts!.client.name, '--json', ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8', timeout: 100_000 })
  const events = stdout.split('\n').flatMap((l) => (l === '' ? [] : [JSON.parse(l) as Event]))
  return { status, events, stderr }
}

test('questions of many kinds draw their answers', () => {
  const asked: [string, string[], number][] = [
    [SERVER[4], ['--type', 'echo', '--size', '100'], 0],
    [SERVER[4], ['--type', 'timestamp-request'], 14],
    [SERVER[6], ['--type', 'echo', '--id', '5', '--seq', '7'], 129],
    ['fe80::2%near', ['--json-message', '{"kind":"neighborSolicitation","target":"fe80::2"}'], 136],
    ['ff02::1%near', ['--type', 'echo', '-W', '500ms'], 129],
  ]
  for (const [target, args, type] of asked) {
    const { status, events, stderr } = icmpSend(target, ...args)
    expect({ status, stderr }, target).toEqual({ status: 0, stderr: '' })
    // Who sends to a group hears itself too.
    const replies = events.filter((e) => e.kind === 'reply')
    const reply = replies.find((e) => !String(e.from).startsWith('fe80::1%'))
    expect(reply).toMatchObject({ schema: 'icmpkit.send.v1', type, checksum: 'ok' })
    // The kernel begins to stamp a moment after it was asked to, so a first answer may come without; over a veth one may be
    // stamped before what it answers.
    expect(reply!.clock).toMatch(/^(kernel-txrx|kernel-rx|user)$/)
    expect(reply!.from).toBe(target.replace('ff02::1', 'fe80::2'))
    expect(reply!.rttNs).toBeGreaterThan(0)
    expect(reply!.rttNs).toBeLessThan(60e9)
    expect(events.map((e) => e.kind)).toEqual(['sent', ...replies.map(() => 'reply'), 'summary'])
  }
})

test('a TTL that ends draws Time Exceeded from the router, with our message quoted', () => {
  for (const family of [4, 6] as const) {
    const { status, events } = icmpSend(SERVER[family], '--ttl', '1', '--id', '321', '--seq', '77')
    expect(status).toBe(0)
    const error = events.find((e) => e.kind === 'error')!
    expect(error).toMatchObject({ from: ROUTER[family], type: family === 4 ? 11 : 3, code: 0 })
    expect(error.quote).toMatchObject({
      ip: { src: CLIENT[family], dst: SERVER[family] },
      transport: { kind: family === 4 ? 'icmp4' : 'icmp6', id: 321, seq: 77 },
    })
  }
})

test('an unreachable network draws its error, however odd the message (Linux routers send none about ICMPv4 types above 18)', () => {
  for (const family of [4, 6] as const) {
    const { status, events } = icmpSend(
      UNREACHABLE[family],
      '--type',
      family === 4 ? '17' : '201',
      '--rest',
      '0102030405060708',
    )
    expect(status).toBe(0)
    expect(events.find((e) => e.kind === 'error')).toMatchObject({ from: ROUTER[family], type: family === 4 ? 3 : 1 })
  }
})

test('a wrong checksum reaches the other side as it is: nothing answers, the kernel there counts it, exit code 1', () => {
  const counted = (family: 4 | 6) => {
    const text = hosts!.server.inside(() => readFileSync(family === 4 ? '/proc/net/snmp' : '/proc/net/snmp6', 'utf8'))
    if (family === 6) return Number(/^Icmp6InCsumErrors\s+(\d+)/m.exec(text)![1])
    const [names, values] = text.split('\n').filter((l) => l.startsWith('Icmp:'))
    return Number(values!.split(' ')[names!.split(' ').indexOf('InCsumErrors')])
  }
  for (const family of [4, 6] as const) {
    const before = counted(family)
    const { status, events } = icmpSend(SERVER[family], '--bad-checksum', '--wait', '300ms')
    expect(status).toBe(1)
    expect(events.map((e) => e.kind)).toEqual(['sent', 'timeout', 'summary'])
    expect(counted(family)).toBe(before + 1)
  }
})

test('an error message draws nothing, is not waited for in vain, and that is no failure', () => {
  const { status, events } = icmpSend(SERVER[4], '--type', 'unreachable', '--code', 'port', '-W', '0')
  expect(status).toBe(0)
  expect(events.at(-1)).toMatchObject({ kind: 'summary', sent: 1, answerable: false })
})

test('an MLD query leaves as its RFC asks, hop limit 1 and router alert: the kernel there reports (RFC 3810 §5, §6.2)', () => {
  const reports = () => {
    const text = hosts!.router.inside(() => readFileSync('/proc/net/snmp6', 'utf8'))
    return Number(/^Icmp6OutMLDv2Reports\s+(\d+)/m.exec(text)![1])
  }
  const before = reports()
  // Reports go to a group that this machine does not listen to: the other kernel's counter tells.
  icmpSend('ff02::1%near', '--json-message', MLD_QUERY, '-W', '1500ms')
  expect(reports()).toBeGreaterThan(before)
})

test('half a message leaves as it is given', () => {
  for (const [family, octets] of [
    [4, '08'],
    [6, '8000ab'],
  ] as const) {
    const { status, events } = icmpSend(SERVER[family], '--hex', octets, '-W', '100ms')
    expect(status).toBe(1)
    expect(events[0]).toMatchObject({ kind: 'sent', octets: expect.stringMatching(new RegExp(`${octets}$`)) })
    expect(events.at(-1)).toMatchObject({ sent: 1, replies: 0, errors: 0, localDrops: 0 })
  }
})

test('--count sends the same message so many times, and each answer is told', () => {
  const { status, events } = icmpSend(SERVER[4], '-c', '3', '-i', '50ms')
  expect(status).toBe(0)
  expect(events.filter((e) => e.kind === 'reply')).toHaveLength(3)
  expect(new Set<unknown>(events.filter((e) => e.kind === 'sent').map((e) => e.octets)).size).toBe(1)
})

test('no route and no right are told with their cure, exit code 2', () => {
  using island = makeHost('island')
  const routeless = icmpSend('203.0.113.1', '--netns', island.name)
  expect(routeless.status).toBe(2)
  expect(routeless.events.some((e) => e.kind === 'local-drop' && e.why === 'no-route')).toBe(true)
  const { status, stderr } = spawnSync(process.execPath, [ICMP, 'send', '127.0.0.1'], {
    encoding: 'utf8',
    ...nobody(),
  })
  expect(status).toBe(2)
  expect(stderr).toContain('CAP_NET_RAW')
})
