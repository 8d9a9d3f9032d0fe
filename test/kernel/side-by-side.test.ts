/**
 * The same octets to a Linux kernel and to the stack, over point-to-point links, and both answers in a table
 * (docs/side-by-side.md). A difference without a reason in test/side-by-side/differences.tsv fails, and so does a reason
 * without a difference. UPDATE=1 writes the page.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { inNamespace } from '../../packages/icmpkit/src/os/namespace.ts'
import { openTun, type Tun } from '../../packages/icmpkit/src/os/tun.ts'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { type Answer, describe as inWords } from '../side-by-side/answer.ts'
import { ADDRESSES, MTU, Ours, REFUSED } from '../side-by-side/ours.ts'
import { type Host, ip, makeHost, needsRoot } from './testnet.ts'

interface Stimulus {
  role: 'host' | 'gateway'
  name: string
  packets: string[]
}

const root = resolve(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(resolve(root, path), 'utf8')
const STIMULI = JSON.parse(read('test/side-by-side/stimuli.json')) as Stimulus[]
const PAGE = resolve(root, 'docs/side-by-side.md')
const reasons = new Map(
  read('test/side-by-side/differences.tsv')
    .split('\n')
    .slice(1)
    .filter((l) => l !== '')
    .map((l) => l.split('\t') as [string, string]),
)

/** A kernel behind two TUNs. */
class Linux {
  readonly host: Host
  readonly #tuns: { A: Tun; B: Tun }
  readonly #buffer = new Uint8Array(66_000)

  constructor(role: 'host' | 'gateway') {
    this.host = makeHost(role === 'host' ? 'sh' : 'sg')
    const { netlink, namespace } = this.host
    if (role === 'gateway') {
      this.host.sysctl('ipv4.ip_forward', 1)
      this.host.sysctl('ipv6.conf.all.forwarding', 1)
    }
    for (const which of ['all', 'default']) this.host.sysctl(`ipv4.conf.${which}.rp_filter`, 0)
    // One error for each cause: what the limits do is not the question here.
    this.host.sysctl('ipv4.icmp_ratemask', 0)
    this.host.sysctl('ipv4.icmp_msgs_per_sec', 1_000_000)
    this.host.sysctl('ipv4.icmp_msgs_burst', 1_000_000)
    this.host.sysctl('ipv6.icmp.ratelimit', 0)
    const tun = (name: 'A' | 'B') => {
      const t = inNamespace(namespace, () => openTun({ name: `tun${name}` }))
      netlink.setLink(t.name, { addrGenMode: 'none', mtu: MTU[name], up: true })
      for (const a of ADDRESSES[name]) this.host.address(t.name, a)
      return t
    }
    this.#tuns = { A: tun('A'), B: tun('B') }
    for (const [type, prefixes] of Object.entries(REFUSED)) {
      for (const p of prefixes) {
        const [dst, length] = p.split('/')
        netlink.addRoute({ dst: ip(dst!), prefixLength: Number(length), type: type as 'unreachable' })
      }
    }
    // What the kernel says of its own when links come up.
    pause(300)
    this.#read()
  }

  ask(packets: readonly string[]): Answer[] {
    const answers: Answer[] = []
    for (const packet of packets) {
      if (!this.#tuns.A.write(unhex(packet))) throw new Error('the TUN is full')
      answers.push(...this.#read())
    }
    // An answer that took another way through the kernel than the write itself.
    pause(packets.length > 1 || answers.length === 0 ? 5 : 1)
    answers.push(...this.#read())
    return answers
  }

  remove(): void {
    this.#tuns.A.close()
    this.#tuns.B.close()
    this.host.remove()
  }

  #read(): Answer[] {
    const answers: Answer[] = []
    for (const port of ['A', 'B'] as const) {
      for (let n = this.#tuns[port].read(this.#buffer); n > 0; n = this.#tuns[port].read(this.#buffer))
        answers.push({ port, bytes: this.#buffer.slice(0, n) })
    }
    return answers
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

const linux: Partial<Record<Stimulus['role'], Linux>> = {}
const ours: Partial<Record<Stimulus['role'], Ours>> = {}

beforeAll(() => {
  if (process.getuid?.() !== 0) return
  for (const role of ['host', 'gateway'] as const) {
    linux[role] = new Linux(role)
    ours[role] = new Ours(role)
  }
})
afterAll(() => {
  for (const l of Object.values(linux)) l.remove()
})
beforeEach(needsRoot)

const words = (answers: readonly Answer[]): string => {
  const lines = answers.map(inWords).filter((l) => l !== undefined)
  return lines.length === 0 ? 'nothing' : lines.join('; ')
}

test('a Linux kernel and the stack answer the same octets alike, or the difference has its reason on the page', () => {
  expect(STIMULI.length).toBeGreaterThanOrEqual(60)
  const rows: string[] = []
  const faults: string[] = []
  let role = ''
  let same = 0
  for (const s of STIMULI) {
    const theirs = words(linux[s.role]!.ask(s.packets))
    const mine = words(ours[s.role]!.ask(s.packets))
    const reason = reasons.get(`${s.role}: ${s.name}`)
    if (theirs === mine && reason !== undefined) faults.push(`${s.role}: ${s.name}: a reason, and no difference`)
    if (theirs !== mine && reason === undefined)
      faults.push(`${s.role}: ${s.name}\n    linux: ${theirs}\n    ours:  ${mine}`)
    if (s.role !== role) {
      role = s.role
      rows.push(
        '',
        `## As a ${role}`,
        '',
        '| stimulus | Linux | icmpkit | why they differ |',
        '| --- | --- | --- | --- |',
      )
    }
    if (theirs === mine) same++
    rows.push(`| ${s.name} | ${theirs} | ${theirs === mine ? 'the same' : mine} | ${reason ?? ''} |`)
  }
  const known = new Set(STIMULI.map((s) => `${s.role}: ${s.name}`))
  for (const name of reasons.keys()) if (!known.has(name)) faults.push(`${name}: a reason for no stimulus`)
  if (faults.length > 0) throw new Error(faults.join('\n'))
  const page = [
    '# Side by side with a Linux kernel',
    '',
    'Made by test/kernel/side-by-side.test.ts (`UPDATE=1`): do not edit. The same octets (test/side-by-side/stimuli.py) go',
    'to Linux 6.18 and to the stack, each between two point-to-point links *A* and *B*; everything comes in by A.',
    `Of ${STIMULI.length} stimuli ${same} are answered alike.`,
    ...rows,
    '',
  ].join('\n')
  if (process.env.UPDATE === '1') writeFileSync(PAGE, page)
  expect(readFileSync(PAGE, 'utf8')).toBe(page)
})
