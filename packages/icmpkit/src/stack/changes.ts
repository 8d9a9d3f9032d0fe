/**
 * What has changed in a node: for who remembers what it decided, and for who drives it. One small object, so that it costs
 * one look to see that nothing has.
 */
import type { Port } from './port.ts'

export class Changes {
  /** Rises with the routes, addresses, ports and settings of IPv4: what was decided by older ones is decided anew. */
  version = 0
  /** Rises when the link-layer address of a neighbour that was known is known no more, or is another. */
  neighbours = 0
  /** Ports that have queued something since they were last taken, in a row. */
  first: Port | undefined = undefined
  last: Port | undefined = undefined
  /** A timer was set or stopped, or an event told, since somebody who asks for them made it false. */
  toSettle = true
}
