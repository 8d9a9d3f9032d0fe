/** Every notice of an outage that reaches this machine, and whose flow it is about. Needs root, or CAP_NET_RAW. */
import { listen } from 'icmpkit'

for await (const n of listen({ notices: true })) {
  if (n.kind === 'notice') console.log(n.server, n.program, n.state, n.reason, n.process?.name, n.trust, n.why)
}
