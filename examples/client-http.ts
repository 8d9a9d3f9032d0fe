/** HTTP over kept connections: a question that waits ends when its server says that it is offline: node examples/client-http.ts URL */
import { Agent, get } from 'node:http'
import { outages } from 'icmpkit'

const agent = new Agent({ keepAlive: true })

function ask(url: string): void {
  console.log('ask', url)
  const request = get(url, { agent }, (answer) => answer.resume().on('end', () => console.log('answered', url)))
  request.on('socket', (socket) => request.reusedSocket || outages(socket, { endConnection: true }))
  // Without the line before: after the time-out of the request, if it has one.
  request.on('error', (e: NodeJS.ErrnoException) => console.log('somebody else has to be asked:', e.code))
}

ask(process.argv[2]!)
setInterval(() => ask(process.argv[2]!), 1000)
