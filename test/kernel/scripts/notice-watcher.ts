/**
 * Nobody, without any capability, in the namespace argv[2]: asks about the UDP port argv[3], tries to end the connection from
 * port argv[4] to port argv[5] of 127.0.0.1, and tells when the socket and the process argv[6] have ended.
 */
import {
  OsError,
  openSockDiag,
  SocketOwners,
  watchProcess,
  watchSockets,
} from '../../../packages/icmpkit/src/os/index.ts'
import { openNamespace } from '../../../packages/icmpkit/src/os/namespace.ts'
import { must, sys } from '../../../packages/icmpkit/src/os/sys.ts'
import { parseIp } from '../../../packages/icmpkit/src/wire/addr.ts'

const CLONE_NEWNET = 0x40000000
const [netns, udp, from, to, pid] = process.argv.slice(2) as [string, string, string, string, string]
must(sys().setns(openNamespace(netns).fd, CLONE_NEWNET), 'setns', 'test')
process.setgroups!([])
process.setgid!(65534)
process.setuid!(65534)

const say = (what: object) => console.log(JSON.stringify(what))
const diag = openSockDiag()
const watch = watchSockets({ ports: [Number(udp)] })
const program = watchProcess(Number(pid))!
const owners = new SocketOwners()
const { count, inodes } = diag.holders('udp', Number(udp))
say({ holders: count, owner: owners.owner(inodes[0]!) ?? null, hidden: owners.unreadable > 0 })
const home = parseIp('127.0.0.1')!
try {
  diag.destroy({ protocol: 'tcp', local: home, localPort: Number(from), remote: home, remotePort: Number(to) })
  say({ destroyed: true })
} catch (e) {
  if (!(e instanceof OsError)) throw e
  say({ code: e.code, cure: e.cure })
}
await watch.readable()
watch.read((s) => say({ socket: s.localPort, protocol: s.protocol, family: s.family }))
await program.readable()
say({ process: program.ended })
