/** The scene of the benchmarks of notices: a server and its workstations on both ends of a cable, and the processes there. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ICMP } from '../test/kernel/icmp-command.ts'
import { cable, type Host, ip } from '../test/kernel/testnet.ts'

/** So many workstations fit one process: descriptors are limited. */
export const A_PROCESS = 18_000
/** RT_TABLE_LOCAL */
const LOCAL = 255

/** Where the `icmp notify serve` of a host is asked. */
export const socketOf = (h: Host): string => `/run/${h.name}.sock`

/** `icmp notify serve` for one program, which takes its end for an outage at once. */
export function serving(children: ChildProcess[], h: Host, program: string): ChildProcess {
  const where = ['--socket', socketOf(h), '--state', 'none']
  return begin(children, h, [ICMP, 'notify', 'serve', '--program', program, '--grace', '0', '--json', ...where])
}

/** Ends what `begin` began. */
export async function end(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(children.map((child) => (child.exitCode ?? child.signalCode) === null && once(child, 'exit')))
}

/** Every address of 10/8 and fd64::/16 is a workstation's. */
export function network(server: Host, crowd: Host): void {
  cable(server, crowd)
  for (const [h, last] of [
    [server, 1],
    [crowd, 2],
  ] as const) {
    h.address('eth0', `192.0.2.${last}/24`)
    h.address('eth0', `2001:db8::${last}/64`)
    // Neighbours of an address that is on no interface are solicited from this one.
    h.address('eth0', `fe80::${last}/64`)
  }
  // A route alone lets no IPv6 socket bind.
  crowd.sysctl('ipv6.ip_nonlocal_bind', 1)
  for (const [dst, prefixLength, gateway] of [
    ['10.0.0.0', 8, '192.0.2.2'],
    ['fd64::', 16, '2001:db8::2'],
  ] as const) {
    const lo = crowd.netlink.index('lo')
    crowd.netlink.addRoute({ dst: ip(dst), prefixLength, type: 'local', scope: 'host', table: LOCAL, oif: lo })
    server.netlink.addRoute({ dst: ip(dst), prefixLength, gateway: ip(gateway), oif: server.netlink.index('eth0') })
  }
}

export function begin(children: ChildProcess[], h: Host, args: string[]): ChildProcess {
  const child = h.inside(() => spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
  children.push(child)
  return child
}

/** What a child writes, line by line. */
export class Lines {
  readonly #lines: AsyncIterator<string>

  constructor(child: ChildProcess) {
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  async next(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('it ended too early')
    return value
  }

  async until(kind: string): Promise<Record<string, unknown>> {
    for (;;) {
      const event = JSON.parse(await this.next()) as Record<string, unknown>
      if (event.kind === kind) return event
    }
  }
}

export function resident(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}
