import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, test } from 'vitest'
import { nobody } from '../nobody.ts'
import { type Host, host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const ICMP = fileURLToPath(new URL('../../packages/icmpkit/bin/icmp.js', import.meta.url))

function demo(h: Host, args: string[], user: { uid?: number; gid?: number } = {}): SpawnSyncReturns<string> {
  const env = { ...process.env, NO_COLOR: undefined, FORCE_COLOR: '1' }
  const options = { encoding: 'utf8', timeout: 100_000, env, ...user } as const
  return h.inside(() => spawnSync(process.execPath, [ICMP, 'demo', ...args], options))
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of the command, fields are what is tested
function lines(r: SpawnSyncReturns<string>): any[] {
  expect(r.stderr).toBe('')
  expect(r.status).toBe(0)
  return r.stdout
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l))
}

/** Type, code and MTU of the errors heard. */
// biome-ignore lint/suspicious/noExplicitAny: as above
const errors = (all: any[], family: number) =>
  all
    .filter((l) => l.direction === 'heard' && l.family === family && l.part.startsWith('Errors'))
    .map((l) => [l.icmp.type, l.icmp.code, l.icmp.mtu])

test('as root it pings both loopbacks, and a kernel as router sends each of ten errors', () => {
  const all = lines(demo(host('demo'), ['--json']))
  const replies = all
    .filter((l) => l.direction === 'heard' && l.part.startsWith('Ping'))
    .map((l) => [l.src, l.icmp.type])
  expect(replies).toEqual([
    ['127.0.0.1', 0],
    ['::1', 129],
  ])
  // Closed port, TTL, unreachable, prohibited, too big.
  expect(errors(all, 4)).toEqual([
    [3, 3, null],
    [11, 0, null],
    [3, 1, null],
    [3, 13, null],
    [3, 4, 1280],
  ])
  expect(errors(all, 6)).toEqual([
    [1, 4, null],
    [3, 0, null],
    [1, 0, null],
    [1, 1, null],
    [2, 0, 1280],
  ])
  const heard = all.filter((l) => l.direction === 'heard')
  expect(heard.filter((l) => l.icmp.checksum !== 'ok')).toEqual([])
  expect(heard.filter((l) => l.words === '' || l.icmp.name === 'Unassigned')).toEqual([])
  expect(all.at(-1)).toMatchObject({ kind: 'summary', sent: 12, replies: 2, errors: 10, unanswered: 0, leftOut: 0 })
})

test('each error quotes the datagram that it is about', () => {
  const all = lines(demo(host('demo'), ['--json']))
  const packets = all.filter((l) => l.kind === 'packet' && l.part.startsWith('Errors'))
  for (let i = 0; i < packets.length; i += 2) {
    const [sent, heard] = [packets[i], packets[i + 1]]
    const { ip, transport } = heard.icmp.quote
    expect([ip.src, ip.dst]).toEqual([sent.src, sent.dst])
    expect(`UDP ${transport.srcPort} → ${transport.dstPort}`).toBe(sent.what)
  }
})

test('no interface is left behind', () => {
  const h = host('demo')
  demo(h, [])
  expect(h.netlink.links().map((l) => l.name)).toEqual(['lo'])
})

test('without rights it pings where the range is open, hears the closed port, and says what is left out', () => {
  const h = host('demo')
  h.sysctl('ipv4.ping_group_range', '0 2147483647')
  const all = lines(demo(h, ['--json'], nobody()))
  expect(all.at(-1)).toMatchObject({ replies: 2, errors: 2, unanswered: 0, leftOut: 4 })
  expect(errors(all, 4)).toEqual([[3, 3, null]])
  expect(errors(all, 6)).toEqual([[1, 4, null]])
  const [left] = all.filter((l) => l.kind === 'left-out')
  expect(left.what).toContain('time exceeded')
  expect(left.why).toContain('sudo')
})

test('without rights and with the range closed it names the sysctl and the capability, and still ends well', () => {
  const h = host('demo')
  h.sysctl('ipv4.ping_group_range', '1 0')
  const all = lines(demo(h, ['--json'], nobody()))
  expect(all.at(-1)).toMatchObject({ replies: 0, errors: 2, leftOut: 5 })
  const ping = all.find((l) => l.kind === 'left-out' && l.what === 'ping')
  expect(ping.why).toContain('net.ipv4.ping_group_range')
  expect(ping.why).toContain('CAP_NET_RAW')
})

test('where IPv6 is off, the ping of ::1 says so and everything else is shown', () => {
  const h = host('demo')
  h.sysctl('ipv6.conf.all.disable_ipv6', 1)
  const all = lines(demo(h, ['--json']))
  expect(all.at(-1)).toMatchObject({ kind: 'summary', sent: 11, replies: 1, errors: 10, unanswered: 1 })
  expect(all.some((l) => l.kind === 'note' && l.text.startsWith('not sent: Network is unreachable'))).toBe(true)
})

test('people get a line a packet and its meaning beneath, without colours where this is no terminal', () => {
  const { stdout, status } = demo(host('demo'), [])
  expect(status).toBe(0)
  expect(stdout).not.toContain('\u001b')
  expect(stdout).toMatch(/← 192\.0\.2\.1 > 192\.0\.2\.2 +Port Unreachable \(type 3, code 3\)/)
  expect(stdout).toMatch(/it quotes UDP \d+ → 33434, 192\.0\.2\.2 → 192\.0\.2\.1, all of it\n {6}The destination is up/)
  expect(stdout).toMatch(/Done: 12 packets sent, 2 replies, 10 errors heard and explained\.\n/)
})

/** Who answered what from where in the lab, by family. */
function labPart(all: ReturnType<typeof lines>, family: number) {
  return all.filter((l) => l.kind === 'journey' && l.family === family).map((l) => [l.by, l.type, l.code, l.mtu])
}

/** A ping that crosses, a TTL, too big, a closed port, a route that is gone. */
const LAB: Record<4 | 6, ReturnType<typeof labPart>> = {
  4: [
    ['srv', 0, 0, null],
    ['r2', 11, 0, null],
    ['r2', 3, 4, 1280],
    ['srv', 3, 3, null],
    ['r2', 3, 0, null],
  ],
  6: [
    ['srv', 129, 0, null],
    ['r2', 3, 0, null],
    ['r2', 2, 0, 1280],
    ['srv', 1, 4, null],
    ['r2', 1, 0, null],
  ],
}

test('its second half needs no rights: as root and as anybody, the lab shows the same five journeys in both families', () => {
  const h = host('demo')
  h.sysctl('ipv4.ping_group_range', '1 0')
  for (const user of [{}, nobody()]) {
    const all = lines(demo(h, ['--json'], user))
    expect(labPart(all, 4)).toEqual(LAB[4])
    expect(labPart(all, 6)).toEqual(LAB[6])
    // By family two replies, an error each for a TTL, too big and a port, two replies and an error.
    expect(all.at(-1).lab).toEqual({ sent: 16, replies: 8, errors: 8 })
    expect(all.filter((l) => l.kind === 'journey' && (l.words === '' || l.meaning === ''))).toEqual([])
  }
})

test('each journey is drawn on its path, with the place where it ended and an arrow back, within 100 columns', () => {
  const { stdout, status } = demo(host('demo'), [], nobody())
  expect(status).toBe(0)
  const second = stdout.slice(stdout.indexOf('In a lab:'))
  const rows = second.split('\n')
  const pictures = rows.flatMap((l, i) => (/^ {6}me ─/.test(l) ? [rows.slice(i, i + 3)] : []))
  expect(pictures).toHaveLength(5)
  for (const [path, there, back] of pictures as [string, string, string][]) {
    expect(path).toMatch(/^ {6}me ─+.* r1 ─+.* r2 ─.* r3 ─+ srv$/)
    expect(there).toMatch(/^ {6}╰── .* ─*▶✗?$/)
    // The answer starts where the packet ended.
    expect(back).toMatch(/^ {6}◀── .* ─*╯$/)
    expect(back.length).toBe(there.length)
  }
  // Under r2, on its last letter.
  const [, [path, there]] = pictures as [string[], [string, string]]
  expect(there.indexOf('✗')).toBe(path.indexOf('r2') + 1)
  expect(Math.max(...rows.map((l) => l.length))).toBeLessThanOrEqual(100)
})

test('its third part needs no rights either: six workstations learn of an outage, by NAT and gateways, in both families', () => {
  const all = lines(demo(host('demo'), ['--json'], nobody()))
  for (const [family, type, code] of [
    [4, 3, 3],
    [6, 1, 4],
  ]) {
    const learned = all.filter((l) => l.kind === 'learned' && l.family === family)
    expect(learned.map((l) => l.node).sort()).toEqual(['pc1', 'pc2', 'tv', 'ws1', 'ws2', 'ws3'])
    for (const l of learned) {
      expect(l).toMatchObject({ type, code, program: 'shop', state: 'offline', reason: 'a new database' })
      expect(l.afterNs).toBeGreaterThan(0)
    }
    // Behind the NAT they have one address for the server, over IPv6 one each.
    const home = learned.filter((l) => ['pc1', 'pc2', 'tv'].includes(l.node)).map((l) => l.seenAs.split(' ')[0])
    expect(new Set(home).size).toBe(family === 4 ? 1 : 3)
  }
  const outages = all.filter((l) => l.kind === 'outage')
  expect(outages.map((l) => [l.sent, l.told, l.withoutNotices])).toEqual([
    [6, 6, 0],
    [6, 6, 0],
  ])
  expect(all.at(-1).outage).toEqual({ workstations: 12, told: 12 })
})

test('the outage is drawn: each workstation at its place, with an arrow as long as it took', () => {
  const { stdout } = demo(host('demo'), [], nobody())
  const rows = stdout.split('\n').flatMap((l) => /(ws\d|pc\d|tv) +(◀─+) ([\d.]+) ms$/.exec(l)?.slice(1) ?? [])
  expect(rows).toHaveLength(18)
  expect(rows.filter((_, i) => i % 3 === 0)).toEqual(['ws1', 'ws2', 'ws3', 'pc1', 'pc2', 'tv'])
  const [near, far] = [rows[1]!, rows[16]!]
  expect(far.length).toBeGreaterThan(near.length)
  expect(Number(rows[17])).toBeGreaterThan(Number(rows[2]))
})

test('it waits for nothing that does not come: each packet is answered long before its time is over', () => {
  const all = lines(demo(host('demo'), ['--json']))
  const { sent, replies, errors, unanswered } = all.at(-1)
  expect({ answered: replies + errors, unanswered }).toEqual({ answered: sent, unanswered: 0 })
})
