/**
 * A client with `outages(socket)`, as a user would write it: outages.ts udp|unconnected|tcp|ending|connecting LOCAL REMOTE PORT [KEYS].
 * A line of JSON for each thing that happens; "send" on standard input sends a datagram, "close" closes.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { Socket as StreamSocket } from 'node:net'
import { createInterface } from 'node:readline'
import { outages, readKeys } from 'icmpkit'

const [how, local, remote, port, keys] = process.argv.slice(2) as [string, string, string, string, string?]
const say = (kind: string, more: object = {}) => console.log(JSON.stringify({ kind, ...more }))
const options = { keys: keys === undefined ? [] : readKeys(keys), endConnection: how === 'ending' }

let socket: DatagramSocket | StreamSocket
if (how === 'udp' || how === 'unconnected') {
  const s = createSocket(remote.includes(':') ? 'udp6' : 'udp4')
  s.bind(0, local)
  await once(s, 'listening')
  if (how === 'udp') {
    s.connect(Number(port), remote)
    await once(s, 'connect')
  }
  s.on('message', (m, from) => say('message', { text: `${m}`, from }))
  socket = s
} else socket = new StreamSocket()
socket.on('error', (e: NodeJS.ErrnoException) => say('error', { code: e.code, syscall: e.syscall }))
const watching = outages(socket, options)
watching.on('outage', (o) => say('outage', o))
watching.on('icmp', (e) => say('icmp', e))
// Nothing else may keep the process alive then.
socket.on('close', () => {
  say('close')
  process.stdin.destroy()
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
createInterface(process.stdin).on('line', (line) => {
  if (line === 'send' && !(socket instanceof StreamSocket)) socket.send('hello')
  else if (line === 'leave') watching.close()
  else if (line === 'wait') {
    // Deaf for a while: what comes meanwhile waits in the kernel.
    say('waiting')
    const until = Date.now() + 1500
    while (Date.now() < until);
    if (!(socket instanceof StreamSocket))
      socket.send('hello', (e) => say('sent', { code: e === null ? null : 'failed' }))
  } else if (line === 'close') {
    if (socket instanceof StreamSocket) socket.destroy()
    else socket.close()
  }
})
