// A program on a host in user space feels ICMP: a closed port, a path that is narrower than its first link. No rights.
import { lab } from 'icmpkit/lab'
import { parseIp, showIp } from 'icmpkit/wire'

const net = lab({
  nodes: { me: 'host', router: 'gateway', server: 'host' },
  links: [
    ['me', 'router', { addresses: { me: ['192.0.2.2/24'], router: ['192.0.2.1/24'] } }],
    ['router', 'server', { mtu: 1300, addresses: { router: ['198.51.100.1/24'], server: ['198.51.100.2/24'] } }],
  ],
})
const { transport } = net.node('me').node
const socket = transport.udp.bind({ family: 4 })
const server = { address: parseIp('198.51.100.2')!, port: 9, df: true }

for (const octets of [1, 1400]) {
  socket.send(net.now, new Uint8Array(octets), server)
  net.run(net.now + 100)
  const e = socket.error()
  if (e !== undefined)
    console.log(octets, 'octets:', showIp(e.from!), 'says type', e.type, 'code', e.code, 'mtu', e.mtu)
}
