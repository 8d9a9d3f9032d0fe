/** What the listening machine remembers: bounded, whoever floods it. */
import { describe, expect, test } from 'vitest'
import type { Instant } from '../clock.ts'
import { type Ip, parseIp } from '../wire/addr.ts'
import type { Outage } from '../wire/outage-object.ts'
import { Allowance } from './allowance.ts'
import type { Flow } from './flow.ts'
import { freshness, Newest } from './newest.ts'
import { Programs } from './programs.ts'
import { ToldTable } from './told-table.ts'

const at = (ms: number) => ms as Instant

describe('what has been told', () => {
  test('is not told again within its lifetime, and is afterwards', () => {
    const t = new ToldTable(1000, 10)
    expect([t.first(at(0), 'a'), t.first(at(999), 'a'), t.first(at(1000), 'a')]).toEqual([true, false, true])
  })

  test('is forgotten from the oldest on where there is no room, so that the newest is kept', () => {
    const t = new ToldTable(1e9, 100)
    for (let i = 0; i < 10_000; i++) t.first(at(i), `${i}`)
    expect(t.size).toBe(100)
    expect(t.first(at(10_000), '9999')).toBe(false)
    expect(t.first(at(10_000), '0')).toBe(true)
  })

  test('takes no room once its lifetime is over', () => {
    const t = new ToldTable(10, 1000)
    for (let i = 0; i < 500; i++) t.first(at(i), `${i}`)
    t.first(at(10_000), 'later')
    expect(t.size).toBe(1)
  })
})

describe('replays', () => {
  test('older than the newest is a replay, the same second is not', () => {
    const n = new Newest()
    expect([n.judge('k', 'p', 10), n.judge('k', 'p', 10), n.judge('k', 'p', 9), n.judge('k', 'p', 11)]).toEqual([
      'new',
      'new',
      'older',
      'new',
    ])
    expect([n.judge('k', 'q', 1), n.judge('l', 'p', 1)]).toEqual(['new', 'new'])
  })

  test('a thousand programs of a stolen key take bounded room', () => {
    const n = new Newest(100)
    for (let i = 0; i < 1000; i++) n.judge('k', `p${i}`, i)
    expect(n.size).toBe(100)
  })

  test('the window is sixty seconds on each side, ends included', () => {
    expect([-61, -60, 0, 60, 61].map((s) => freshness(1000 + s, 1000))).toEqual([
      'stale',
      'fresh',
      'fresh',
      'fresh',
      'early',
    ])
  })
})

test('an allowance lets its burst pass, then its rate, and a clock that stands gives nothing', () => {
  const a = new Allowance(10, 3)
  const taken = (now: number, n: number) => Array.from({ length: n }, () => a.take(at(now))).filter(Boolean).length
  expect([taken(0, 10), taken(0, 10), taken(100, 10), taken(10_000, 10)]).toEqual([3, 0, 1, 3])
})

describe('the table by program', () => {
  const flow = (port: number): Flow => {
    const [local, remote] = ['192.0.2.1', '192.0.2.2'].map((text) => parseIp(text) as Ip) as [Ip, Ip]
    return { family: 4, protocol: 'udp', local, localPort: 5000, remote, remotePort: port }
  }
  const object = (reason: string): Outage => ({
    kind: 'outage',
    state: 1,
    rebuilt: false,
    seconds: 1,
    program: 'time',
    reason,
    backAt: undefined,
    server: undefined,
    workstation: undefined,
    signature: undefined,
  })

  test('an unsigned notice does not take the place of a signed one, and is counted', () => {
    const p = new Programs()
    p.note(flow(1), object('real'), { trust: 'signed', believed: true, findings: [] }, at(1))
    p.note(flow(1), object('forged'), { trust: 'unsigned', believed: false, findings: [] }, at(2))
    expect(p.rows()).toMatchObject([{ reason: 'real', trust: 'signed', notices: 2, at: 2, state: 'gone' }])
    p.note(flow(1), object('newer'), { trust: 'signed', believed: true, findings: [] }, at(3))
    expect(p.rows()).toMatchObject([{ reason: 'newer', notices: 3 }])
  })

  test('ten thousand servers take bounded room', () => {
    const p = new Programs(50)
    for (let i = 1; i <= 10_000; i++)
      p.note(flow(i), object(''), { trust: 'signed', believed: true, findings: [] }, at(i))
    expect(p.rows()).toHaveLength(50)
  })
})
