/**
 * A client with `outages(socket)`, as a user would write it: outages.ts udp|unconnected|tcp|connecting LOCAL REMOTE PORT [KEYS].
 * A line of JSON for each thing that happens; "send" on standard input sends a datagram, "close" closes.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { Socket as StreamSocket } from 'node:net'
import { createInterface } from 'node:readline'
import { readKeys } from '../../../packages/icmpkit/src/notice-keys.ts'
import { outages } from '../../../packages/icmpkit/src/outages.ts'

const [how, local, remote, port, keys] = process.argv.slice(2) as [string, string, string, string, string?]
const say = (kind: string, more: object = {}) => console.log(JSON.stringify({ kind, ...more }))
const options = keys === undefined ? {} : { keys: readKeys(keys) }
process.on('exit', () => say('exit', { cpu: process.cpuUsage() }))

let socket: DatagramSocket | StreamSocket
if (how === 'udp' || how === 'unconnected') {
  const s = createSocket(remote.includes(':') ? 'udp6' : 'udp4')
  s.bind(0, local)
  await once(s, 'listening')
  if (how === 'udp') {
    s.connect(Number(port), remote)
    await once(s, 'connect')
  }
  s.on('message', (m) => say('message', { text: `${m}` }))
  socket = s
} else socket = new StreamSocket()
socket.on('error', (e: NodeJS.ErrnoException) => say('error', { code: e.code, syscall: e.syscall }))
const watching = outages(socket, options)
watching.on('outage', (o) => say('outage', o))
watching.on('icmp', (e) => say('icmp', e))
socket.on('close', () => {
  say('close')
  process.exit()
})
if (socket instanceof StreamSocket) {
  // So that its port is known before it is connected.
  socket.connect({ host: remote, port: Number(port), localAddress: local, localPort: 40_000 + (process.pid % 20_000) })
  if (how === 'connecting') say('port', { port: 40_000 + (process.pid % 20_000) })
  else {
    await once(socket, 'connect')
    say('port', { port: socket.localPort })
  }
} else say('port', { port: socket.address().port })
for await (const line of createInterface(process.stdin)) {
  if (line === 'send' && !(socket instanceof StreamSocket)) socket.send('hello')
  else if (line === 'close') socket instanceof StreamSocket ? socket.destroy() : socket.close()
}
