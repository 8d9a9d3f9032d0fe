/** A DNS stub that goes to the next server the moment one is offline: node examples/client-dns.ts 192.0.2.1 192.0.2.2 */
import { createSocket } from 'node:dgram'

function use([server, ...others]: string[]): void {
  if (server === undefined) throw new Error('no server is left')
  // Connected, and kept for all questions: a server does not know who asks once from each port.
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4')
  socket.connect(53, server, () => socket.send(QUESTION))
  const asking = setInterval(() => socket.send(QUESTION), 1000)
  socket.on('message', (answer) => console.log(server, 'answers with', answer.length, 'octets'))
  socket.once('error', (e: NodeJS.ErrnoException) => {
    console.log(server, 'is offline:', e.code)
    clearInterval(asking)
    socket.close()
    use(others)
  })
}

/** The root's SOA (RFC 1035 §4.1). */
const QUESTION = Buffer.from('1c4d010000010000000000000000060001', 'hex')

use(process.argv.slice(2))
