/** A server with `icmp notify serve`, programs on it, and workstations on the other end of a cable: for tests of telling. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { events, icmp, type Running, start, startProgram } from './icmp-command.ts'
import { cable, type Host, host, ip } from './testnet.ts'

/** 192.0.2.1 2001:db8::1, and its workstations: 192.0.2.2 2001:db8::2, and all of 10.0.0.0/8 and fd64::/16. */
export interface Office {
  server: Host
  crowd: Host
}

export const SERVER4 = '192.0.2.1'
export const SERVER6 = '2001:db8::1'

export function office(): Office {
  const server = host('srv')
  const crowd = host('crowd')
  cable(server, crowd)
  for (const [h, last] of [
    [server, 1],
    [crowd, 2],
  ] as const) {
    h.address('eth0', `192.0.2.${last}/24`)
    h.address('eth0', `2001:db8::${last}/64`)
    // Neighbours are asked from it about what the others send.
    h.address('eth0', `fe80::${last}/64`)
  }
  for (const [dst, prefixLength, gateway] of [
    ['10.0.0.0', 8, '192.0.2.2'],
    ['fd64::', 16, '2001:db8::2'],
  ] as const) {
    const lo = crowd.netlink.index('lo')
    crowd.netlink.addRoute({ dst: ip(dst), prefixLength, type: 'local', scope: 'host', table: LOCAL, oif: lo })
    server.netlink.addRoute({ dst: ip(dst), prefixLength, gateway: ip(gateway), oif: server.netlink.index('eth0') })
  }
  return { server, crowd }
}

/** An echo program; up when this returns. SIGUSR1 closes one of its sockets, SIGUSR2 closes and opens one. */
export async function program(h: Host, protocol: 'udp' | 'tcp', port: number, sockets = 1): Promise<Running> {
  const running = startProgram(h, '/usr/bin/python3', [SCRIPT('notified-server.py'), protocol, `${port}`, `${sockets}`])
  await running.until(/up/)
  return running
}

export interface Crowd {
  protocol?: 'udp' | 'tcp'
  /** Server, port, how many, and the first of their addresses (each has its own), or null: all have the host's. */
  servers: [string, number, number, string | null][]
  exchanges?: number
  recverr?: boolean
}

/** Workstations that have talked to their server when this returns, and wait from then on. */
export async function workstations(h: Host, crowd: Crowd): Promise<Running> {
  const json = JSON.stringify({ protocol: 'udp', ...crowd })
  const running = startProgram(h, '/usr/bin/python3', [SCRIPT('notified-clients.py'), json])
  await running.until(/ready/)
  return running
}

/** By errno, how many have been told: when all have. */
export async function told(crowd: Running): Promise<Record<string, number>> {
  await crowd.until(/told (.*)\n/)
  return JSON.parse(/told (.*)\n/.exec(crowd.written.out)![1]!) as Record<string, number>
}

/** By errno, how many have been told by now. */
export async function toldSoFar(crowd: Running): Promise<Record<string, number>> {
  const before = crowd.written.out.split('so far').length
  crowd.signal('SIGUSR1')
  for (let n = before; n === before; n = crowd.written.out.split('so far').length)
    await crowd.until(new RegExp(`(so far .*\\n[^]*){${before}}`))
  return JSON.parse(/.*so far (.*)\n/s.exec(crowd.written.out)![1]!) as Record<string, number>
}

export interface Serving extends Running {
  readonly socket: string
  readonly state: string
  /** `icmp notify …` at it; standard output, or standard error where it is refused. */
  ask(...args: string[]): Promise<string>
  // biome-ignore lint/suspicious/noExplicitAny: JSON of the command, its fields are what is tested
  status(): Promise<any>
  /** The first event of that kind (after `skip` others of it), as soon as it is there. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  event(kind: string, skip?: number): Promise<any>
  /** Waits until `holds` is true of the status. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  when(holds: (status: any) => boolean): Promise<any>
  /** Interrupts it; its summary. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  end(): Promise<any>
}

/** `icmp notify serve --json …`, ready when this returns. */
export async function serving(h: Host | undefined, args: readonly string[], at?: string): Promise<Serving> {
  const directory = at ?? place()
  const socket = join(directory, 'op.sock')
  const state = join(directory, 'state')
  const own = ['--json', '--socket', socket, '--state', state]
  const running = start(h, ['notify', 'serve', ...own, ...args])
  const ask = async (...words: string[]) => {
    const { out, err } = await icmp(undefined, ['notify', ...words, '--socket', socket])
    return out + err
  }
  const status = async () => JSON.parse(await ask('status', '--json')) as unknown
  const serve: Serving = {
    ...running,
    socket,
    state,
    ask,
    status,
    event: async (kind, skip = 0) => {
      const line = `[^\\n]*"kind":"${kind}"[^\\n]*\\n`
      await running.until(new RegExp(`(${line}[^]*?){${skip + 1}}`))
      return events(running.written).filter((e) => e.kind === kind)[skip]
    },
    when: async (holds) => {
      for (;;) {
        const now = await status()
        if (holds(now)) return now
      }
    },
    end: async () => {
      running.signal('SIGINT')
      const { code, out, err } = await running.ended
      expect({ code, err }).toEqual({ code: 0, err: '' })
      return events({ out }).at(-1)
    },
  }
  await running.until(/"kind":"ready"/)
  return serve
}

/** A directory that goes with the test. */
export function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'icmp-notify-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** What nftables holds there, as `nft` lists it. */
export async function ruleset(h: Host): Promise<string> {
  return (await startProgram(h, 'nft', ['list', 'ruleset']).ended).out
}

/** A counter of /proc/net/netstat or snmp there: `counter(h, 'TcpExt', 'OutOfWindowIcmps')`. */
export function counter(h: Host, group: string, name: string): number {
  const text = h.inside(
    () => readFileSync('/proc/thread-self/net/netstat', 'utf8') + readFileSync('/proc/thread-self/net/snmp', 'utf8'),
  )
  const [names, values] = text
    .split('\n')
    .filter((l) => l.startsWith(`${group}:`))
    .map((l) => l.split(' '))
  return Number(values![names!.indexOf(name)])
}

const SCRIPT = (name: string) => fileURLToPath(new URL(`./scripts/${name}`, import.meta.url))
const LOCAL = 255
