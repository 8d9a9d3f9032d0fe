/** A client that learns at once why its server went silent: node examples/outages.ts SERVER PORT. No privilege. */
import { createSocket } from 'node:dgram'
import { outages } from 'icmpkit'

const socket = createSocket('udp4')
socket.connect(Number(process.argv[3]), process.argv[2])
socket.on('error', (e) => console.log('the socket says', e.message))
outages(socket).on('outage', (o) => console.log(o.program, 'is', o.state, o.reason, o.backAt, o.trust))
