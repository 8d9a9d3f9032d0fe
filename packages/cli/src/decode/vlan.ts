/** VLAN identifiers of a packet, outermost first; empty where it has none. */
import { type Carried, type capture, linkLayer } from 'icmpkit/wire'

const NONE: number[] = []

export function vlans(f: capture.Frame, c: Carried): number[] {
  if (c.ip < 0) return NONE
  if (f.linkType === linkLayer.LinkType.ethernet && c.ip === f.at + 14) return NONE
  const layer = linkLayer.networkLayer(f.linkType, f.bytes, f.at, f.end)
  return 'tags' in layer ? layer.tags.map((t) => t.vlan) : NONE
}
