/** A program that holds a port: answers datagrams, accepts connections, and closes its socket at a line of input. Started by `notice-detection.ts`. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** This file, to be run by Node with `udp` or `tcp`; it writes its port, and when it closes, in nanoseconds of CLOCK_MONOTONIC. */
export const SCRIPT: string = import.meta.filename

if (process.argv[1] === import.meta.filename) {
  const say = (text: string | number | bigint) => process.stdout.write(`${text}\n`)
  // Alive, whatever is closed.
  setInterval(() => {}, 1000)
  let close: () => void
  if (process.argv[2] === 'tcp') {
    const server = createServer(() => {}).listen(0, '127.0.0.1', () => say((server.address() as { port: number }).port))
    close = () => server.close()
  } else {
    const socket = createSocket('udp4')
    socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
    socket.bind(0, '127.0.0.1', () => say(socket.address().port))
    close = () => socket.close()
  }
  process.stdin.once('data', () => {
    const at = process.hrtime.bigint()
    close()
    say(at)
  })
}
