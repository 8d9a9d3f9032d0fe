/**
 * Clients of Node, as anybody writes them: `node notice-clients.ts CLIENTS` opens them, says `ready` with their ports, and at a
 * line on its standard input tells what each has been told, and whether it is of use still.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram'
import { connect, type Socket as Stream } from 'node:net'

export interface Wanted {
  kind: 'dgram connected' | 'dgram unconnected' | 'net established' | 'net connecting'
  family: 4 | 6
  server: string
  port: number
  /** Without: nobody listens to 'error'. */
  handler: boolean
}

export interface Told {
  events: string[]
  /** What sending says afterwards, of dgram; the state of the stream. */
  after: string
}

const wanted = JSON.parse(process.argv[2]!) as Wanted[]
const clients = wanted.map((w) => {
  const told: string[] = []
  const hear = (s: Datagrams | Stream) => {
    if (w.handler) s.on('error', (e: NodeJS.ErrnoException) => told.push(`error ${e.code} ${e.syscall}`))
    s.on('close', () => told.push('close'))
  }
  if (w.kind.startsWith('net')) {
    const s = connect({ host: w.server, port: w.port })
    hear(s)
    const ready = w.kind === 'net connecting' ? Promise.resolve() : new Promise<void>((done) => s.once('connect', done))
    return { told, ready, port: () => s.localPort ?? 0, after: async () => s.readyState }
  }
  const s = createSocket(w.family === 4 ? 'udp4' : 'udp6')
  hear(s)
  const connected = w.kind === 'dgram connected'
  const ready = new Promise<void>((done) => {
    if (connected) s.connect(w.port, w.server, done)
    else s.bind(0, done)
  })
  const after = () =>
    new Promise<string>((done) => {
      const sent = (e: Error | null) => done((e as NodeJS.ErrnoException | null)?.code ?? 'sent')
      if (connected) s.send('x', sent)
      else s.send('x', w.port, w.server, sent)
    })
  return { told, ready, port: () => s.address().port, after }
})

await Promise.all(clients.map((c) => c.ready))
console.log(JSON.stringify(clients.map((c) => c.port())))
process.stdin.once('data', async () => {
  // What the kernel has for us by now comes with the next turns of the loop.
  for (let i = 0; i < 3; i++) await new Promise((turn) => setImmediate(turn))
  const all: Told[] = []
  for (const c of clients) {
    const events = [...c.told]
    all.push({ events, after: await c.after() })
  }
  console.log(JSON.stringify(all))
  process.exit()
})
