/**
 * Two worlds that a tool cannot tell apart: a lab brought up behind a TAP, and namespaces that the kernel itself routes
 * between. In both one speaks from `me` over gateways r1, r2 … to `srv`; cable n has 10.0.n.0/24 and 2001:db8:0:n::/64,
 * whose members are .1 and .2.
 */
import { execFile, execFileSync } from 'node:child_process'
import { describe, onTestFinished, test } from 'vitest'
import {
  type LabConfig,
  type LabReady,
  type LabUp,
  type LabUpOptions,
  labUp,
} from '../../packages/icmpkit/src/index.ts'
import type { NodeData } from '../../packages/icmpkit/src/lab/index.ts'
import { cable, type Host, host, ip, withoutLimits } from './testnet.ts'

/** What a tool printed, on both outputs, and how it ended. */
export interface Printed {
  text: string
  code: number
}

export interface World {
  /** Runs a program at `me`. */
  run(program: string, ...args: string[]): Promise<Printed>
}

export interface LabWorld extends World {
  net: LabUp
  ready: LabReady
}

/** A lab that is up until the running test ends. */
export async function labWorld(config: LabConfig, options: LabUpOptions = {}): Promise<LabWorld> {
  const net = labUp(config, { netns: `ik-${process.pid}-lab${++made}`, ...options })
  onTestFinished(() => net[Symbol.asyncDispose]())
  const ready = await net.ready
  return { net, ready, run: (...command) => execute(['ip', 'netns', 'exec', ready.netns!, ...command]) }
}

/** `me`, gateways and `srv` in a row, as data. */
export function row(gateways: number, links: Record<number, LabConfig['links'][number][number]> = {}): LabConfig {
  const names = namesOf(gateways)
  return {
    nodes: Object.fromEntries(names.map((n) => [n, n.startsWith('r') ? 'gateway' : 'host'])),
    links: names.slice(1).map((n, i) => [names[i]!, n, ...(links[i] === undefined ? [] : [links[i]])]),
  }
}

export interface KernelWorld extends World {
  nodes: Record<string, Host>
  /** Runs a program at a node, now. */
  at(node: string, program: string, ...args: string[]): string
  /** Loads nftables rules at a node. */
  rules(node: string, text: string): void
}

/** The same row out of namespaces; `eth0` leads towards `me`, `eth1` away. */
export function kernelRow(gateways: number, mtus: Record<number, number> = {}): KernelWorld {
  const names = namesOf(gateways)
  const nodes = Object.fromEntries(names.map((n) => [n, host(n)]))
  for (const [i, name] of names.slice(1).entries()) {
    const a = nodes[names[i]!]!
    const b = nodes[name]!
    const near = i === 0 ? 'eth0' : 'eth1'
    cable(a, b, near, 'eth0', mtus[i] ?? 1500)
    // Without one a router has no name for asking who its neighbours are on behalf of others.
    a.address(near, 'fe80::1/64')
    b.address('eth0', 'fe80::2/64')
    a.address(near, `10.0.${i}.1/24`)
    a.address(near, `2001:db8:0:${i}::1/64`)
    b.address('eth0', `10.0.${i}.2/24`)
    b.address('eth0', `2001:db8:0:${i}::2/64`)
  }
  for (const [i, name] of names.entries()) {
    const h = nodes[name]!
    if (i > 0 && i < names.length - 1) {
      h.sysctl('ipv4.ip_forward', 1)
      h.sysctl('ipv6.conf.all.forwarding', 1)
    }
    for (let n = 0; n < names.length - 1; n++) {
      if (n === i || n === i - 1) continue
      const onward = n > i
      const link = onward ? i : i - 1
      const oif = h.netlink.index(onward && i > 0 ? 'eth1' : 'eth0')
      const last = onward ? 2 : 1
      h.netlink.addRoute({ dst: ip(`10.0.${n}.0`), prefixLength: 24, gateway: ip(`10.0.${link}.${last}`), oif })
      const via6 = ip(`2001:db8:0:${link}::${last}`)
      h.netlink.addRoute({ dst: ip(`2001:db8:0:${n}::`), prefixLength: 64, gateway: via6, oif })
    }
  }
  return kernelWorld(nodes)
}

/** A world out of namespaces, one of which is `me`. */
export function kernelWorld(nodes: Record<string, Host>): KernelWorld {
  const at = (node: string, program: string, ...args: string[]) =>
    nodes[node]!.inside(() => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))
  for (const h of Object.values(nodes)) withoutLimits(h)
  return {
    nodes,
    at,
    rules: (node, text) =>
      void nodes[node]!.inside(() => execFileSync('nft', ['-f', '-'], { input: text, encoding: 'utf8' })),
    run: (...command) => execute(['ip', 'netns', 'exec', nodes.me!.name, ...command]),
  }
}

/** One expectation, two worlds. */
export function both(
  name: string,
  lab: () => LabConfig,
  kernel: () => KernelWorld,
  sees: (w: World) => Promise<void>,
): void {
  describe(name, () => {
    test('in a lab', async () => sees(await labWorld(lab())))
    test('between kernels', async () => sees(kernel()))
  })
}

/** A row in which one node is something else. */
export function rowWith(
  gateways: number,
  nodes: Record<string, NodeData>,
  links: Parameters<typeof row>[1] = {},
): LabConfig {
  const plain = row(gateways, links)
  return { ...plain, nodes: { ...plain.nodes, ...nodes } }
}

export function kernelWith(
  gateways: number,
  change: (w: KernelWorld) => void,
  mtus: Record<number, number> = {},
): KernelWorld {
  const w = kernelRow(gateways, mtus)
  change(w)
  return w
}

/** nftables: what a node does not say. */
export const unsaid = (rules: string): string =>
  `table inet t { chain o { type filter hook output priority 0; ${rules} }\n}\n`
/** nftables: what does not cross it. */
export const uncrossed = (rules: string): string =>
  `table inet t { chain f { type filter hook forward priority 0; ${rules} }\n}\n`

/**
 * For traceroute where all is answered: without `-w` it waits, once it has an answer of this hop or of the next one, a few
 * milliseconds for the others.
 */
export const LONG = '-w30'
/** For nmap: otherwise it waits a tenth of a second once it knows how soon the first answer came. */
export const PATIENT: readonly string[] = ['--initial-rtt-timeout', '5s', '--min-rtt-timeout', '5s']

/** Lines of traceroute: by TTL who answered, a `*` for each that nobody did. */
export function hops(printed: Printed): string[][] {
  return printed.text
    .split('\n')
    .filter((l) => /^ ?\d+ {1,2}\S/.test(l))
    .map((l) => l.match(/\*|(?<= )(?:\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:]+)(?= )/g) ?? [])
}

function namesOf(gateways: number): string[] {
  return ['me', ...Array.from({ length: gateways }, (_, i) => `r${i + 1}`), 'srv']
}

function execute([program, ...args]: string[]): Promise<Printed> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, LC_ALL: 'C' }
    execFile(program!, args, { env, timeout: 240_000 }, (e, out, err) => {
      const code = e === null ? 0 : typeof e.code === 'number' ? e.code : -1
      resolve({ text: out + err, code })
    })
  })
}

let made = 0
