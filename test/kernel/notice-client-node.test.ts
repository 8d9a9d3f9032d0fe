/** What programs of Node are told by an error about their sockets: dgram and net, as anybody writes them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Flag } from '../../packages/icmpkit/src/wire/tcp.ts'
import { type KernelSocket, POLLIN } from './kernel-socket.ts'
import { counters, type Flow, NoticeNetwork, notice, quoteOf, SERVER, SILENT } from './notice-network.ts'
import type { Told, Wanted } from './scripts/notice-clients.ts'
import { listen } from './tcp-client.ts'
import { needsRoot } from './testnet.ts'

let net: NoticeNetwork

beforeAll(() => {
  if (process.getuid?.() === 0) net = new NoticeNetwork()
})
afterAll(() => net?.[Symbol.dispose]())
beforeEach((ctx) => needsRoot(ctx))

const SCRIPT = fileURLToPath(new URL('./scripts/notice-clients.ts', import.meta.url))

/** Starts a program with those clients; its ports, and what it says afterwards. */
async function program(wanted: readonly Wanted[]) {
  const child = net.client.inside(() => spawn(process.execPath, [SCRIPT, JSON.stringify(wanted)], { env: {} }))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async () => {
    const { done, value } = await lines.next()
    if (done) throw new Error(`it ended: ${errors}`)
    return JSON.parse(value) as unknown
  }
  const ports = (await line()) as number[]
  return {
    ports,
    /** What each was told. */
    told: async () => {
      child.stdin.write('now\n')
      return (await line()) as Told[]
    },
    ended: async () => ({ code: (await ended)[0], errors }),
    kill: () => void child.kill('SIGKILL'),
  }
}

interface Row extends Pick<Wanted, 'kind' | 'family'> {
  type: number
  code: number
  events: string[]
  after: string
}

const errnos = {
  4: { 1: 'EHOSTUNREACH', 3: 'ECONNREFUSED', 10: 'EHOSTUNREACH', 13: 'EHOSTUNREACH' },
  6: { 1: 'EACCES', 3: 'EHOSTUNREACH', 4: 'ECONNREFUSED' },
} as const
/** A dgram socket is not told of these. */
const SOFT = ['4/1', '6/3']

const ROWS: Row[] = ([4, 6] as const).flatMap((family) =>
  Object.entries(errnos[family]).flatMap(([text, errno]): Row[] => {
    const about = { family, type: family === 4 ? 3 : 1, code: Number(text) }
    const hard = !SOFT.includes(`${family}/${text}`)
    return [
      { ...about, kind: 'dgram connected', events: hard ? [`error ${errno} recvmsg`] : [], after: 'sent' },
      { ...about, kind: 'dgram unconnected', events: [], after: 'sent' },
      { ...about, kind: 'net established', events: [], after: 'open' },
      { ...about, kind: 'net connecting', events: [`error ${errno} connect`, 'close'], after: 'closed' },
    ]
  }),
)

/** Each connecting one at a port of its own, by which its SYN is known. */
const portOf = (i: number) => 6000 + i

/** Errors that the kernel has no socket for, or does not believe. */
const refusals = () => {
  const c = counters(net.client)
  return ['Icmp.InErrors', 'Icmp6InErrors', 'TcpExt.OutOfWindowIcmps'].map((name) => c.get(name))
}

/** Delivers to each of `ports` its error. */
function tell(rows: readonly Row[], ports: readonly number[], listeners: Record<4 | 6, KernelSocket>): void {
  net.deliver(
    rows.map((r, i) => {
      const { family, kind } = r
      if (kind.startsWith('dgram')) {
        const flow: Flow = { protocol: 'udp', family, port: ports[i]!, server: SERVER[family], serverPort: portOf(i) }
        return notice(family, r.type, r.code, quoteOf(flow))
      }
      const connecting = kind === 'net connecting'
      const serverPort = connecting ? portOf(i) : listeners[family].port
      const last = net.segment(
        (s) => s.remotePort === serverPort && (connecting || (s.port === ports[i] && (s.flags & Flag.syn) === 0)),
      )
      const server = connecting ? SILENT[family] : SERVER[family]
      const flow: Flow = { protocol: 'tcp', family, port: last.port, server, serverPort }
      return notice(family, r.type, r.code, quoteOf(flow, last.seq))
    }),
  )
}

describe('a program of Node, errors of many kinds about its clients', () => {
  let all: Told[]
  let refused: (number | undefined)[][]

  beforeAll(async () => {
    if (net === undefined) return
    const listeners = { 4: listen(net, 4, SERVER[4]), 6: listen(net, 6, SERVER[6]) }
    const one = await program(
      ROWS.map(({ kind, family }, i) => ({
        ...{ kind, family, handler: true },
        server: kind === 'net connecting' ? SILENT[family] : SERVER[family],
        port: kind === 'net established' ? listeners[family].port : portOf(i),
      })),
    )
    for (const l of Object.values(listeners)) l.wait(POLLIN)
    refused = [refusals()]
    tell(ROWS, one.ports, listeners)
    refused.push(refusals())
    all = await one.told()
    await one.ended()
    for (const l of Object.values(listeners)) l.close()
  })

  test('the kernel has found the socket of each and believed it', () => {
    expect(refused[1]).toEqual(refused[0])
  })

  test.each(ROWS.map((r, i) => ({ ...r, i })))('$kind, IPv$family $type/$code: $events, afterwards $after', (r) => {
    expect(all[r.i]).toEqual({ events: r.events, after: r.after })
  })
})

test.each([
  ['port unreachable', 3, 'ECONNREFUSED'],
  ['prohibited', 13, 'EHOSTUNREACH'],
] as const)('a program that listens to no error of its dgram socket dies of %s', async (_, code, errno) => {
  const one = await program([{ kind: 'dgram connected', family: 4, server: SERVER[4], port: 5000, handler: false }])
  onTestFinished(one.kill)
  const flow: Flow = { protocol: 'udp', family: 4, port: one.ports[0]!, server: SERVER[4], serverPort: 5000 }
  net.deliver([notice(4, 3, code, quoteOf(flow))])
  const { code: exit, errors } = await one.ended()
  expect(exit).toBe(1)
  expect(errors).toMatch(new RegExp(`Unhandled 'error' event[^]*${errno}`))
})
