/** Whoever uses UDP port 5000 of this machine is told when its program stops: sudo node examples/notify.ts */
import { serveNotices } from 'icmpkit'

const run = serveNotices({ programs: [{ name: 'shop', protocol: 'udp', port: 5000, message: 'a new disk', grace: 0 }] })
for await (const e of run) {
  if (e.kind === 'ready') console.log('watching', e.programs.map((p) => p.program).join())
  if (e.kind === 'outage') console.log(e.program, 'is', e.state, '-', e.sent, 'of', e.workstations, 'told')
}
