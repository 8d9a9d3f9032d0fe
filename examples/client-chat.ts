/** A chat that reads for hours and would not notice that its server hangs: node examples/client-chat.ts HOST PORT */
import { connect } from 'node:net'
import { outages } from 'icmpkit'

function chat(host: string, port: number): void {
  const socket = connect(port, host, () => socket.write('hello\n'))
  outages(socket, { endConnection: true })
  socket.on('data', (words) => process.stdout.write(words))
  socket.on('error', (e: NodeJS.ErrnoException) => console.log('the line is dead:', e.code))
  socket.on('close', () => setTimeout(() => chat(host, port), 2000))
}

chat(process.argv[2]!, Number(process.argv[3]))
