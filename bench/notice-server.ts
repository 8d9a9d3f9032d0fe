/** The program that goes offline: answers each UDP datagram, and holds each TCP connection. Started by `notices.ts`. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** This file, to be run by Node with a protocol (`udp4`, `udp6`, `tcp`) and a port; it writes `ready`. */
export const SCRIPT: string = import.meta.filename

if (process.argv[1] === import.meta.filename) {
  const [protocol, port] = process.argv.slice(2) as ['udp4' | 'udp6' | 'tcp', string]
  const ready = () => process.stdout.write('ready\n')
  if (protocol === 'tcp') createServer(() => {}).listen({ port: Number(port), backlog: 4096 }, ready)
  else {
    const socket = createSocket({ type: protocol, recvBufferSize: 4 << 20 })
    socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
    socket.bind(Number(port), ready)
  }
}
