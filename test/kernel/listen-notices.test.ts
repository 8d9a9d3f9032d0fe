/** `icmp listen --notices`: a notice that reaches this machine is matched with the socket that it hits, and judged. */
import { expect, test } from 'vitest'
import { events, start } from './icmp-command.ts'
import { seconds, sendByHand } from './notice-by-hand.ts'
import { pythonFlow } from './python-flow.ts'
import { sharedPair } from './shared-pair.ts'

const net = sharedPair()
const WORKSTATION = { 4: '192.0.2.1', 6: '2001:db8::1' } as const
const SERVER = { 4: '192.0.2.2', 6: '2001:db8::2' } as const

test.each([4, 6] as const)(
  'a notice about a live flow is told with all it says and with whose flow it is: IPv%i',
  async (family) => {
    const local = WORKSTATION[family]
    const remote = SERVER[family]
    const { port, pid } = await pythonFlow(net.a, { how: 'udp', local, remote, remotePort: 9000, stay: true })
    const listening = start(net.a, ['listen', '--notices', '--json'])
    await listening.until(/"kind":"ready"/)
    const now = seconds()
    const flow = {
      protocol: 'udp',
      local: WORKSTATION[family],
      localPort: port,
      remote: SERVER[family],
      remotePort: 9000,
    } as const
    await sendByHand(net.b, [
      { ...flow, state: 3, seconds: now, program: 'time', reason: 'new disks', backAt: now + 600 },
    ])
    await listening.until(/"kind":"notice"/)
    listening.signal('SIGINT')
    const [, notice, summary] = events(await listening.ended)
    const end = (ip: string, p: number) => (family === 4 ? `${ip}:${p}` : `[${ip}]:${p}`)
    expect(notice).toMatchObject({
      kind: 'notice',
      schema: 'icmpkit.listen.v1',
      server: SERVER[family],
      program: 'time',
      state: 'offline',
      reason: 'new disks',
      backAt: `${now + 600}.000000000`,
      protocol: 'udp',
      local: end(WORKSTATION[family], port),
      remote: end(SERVER[family], 9000),
      process: { pid, name: 'python3' },
      trust: 'unsigned',
      believed: false,
      why: expect.stringMatching(/not signed.*live socket.*server/),
    })
    expect(summary).toMatchObject({ kind: 'summary', notices: 1, believed: 0 })
  },
)
