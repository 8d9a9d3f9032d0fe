/**
 * The switches of the stack in the file of a lab, checked as those of `icmp host` are: addresses are text, ports their
 * names, of which a node has as many as it ends links.
 */
import { errorExtensionSwitches, extendedEchoSwitches, ip4Switches, ip6Switches } from '../stack/written-settings.ts'
import type { LabConfig } from './topology.ts'

/** @throws TypeError that names the switch, and what was expected */
export function withSwitches(nodes: LabConfig['nodes'], links: LabConfig['links']): LabConfig['nodes'] {
  return Object.fromEntries(
    Object.entries(nodes).map(([name, n]) => {
      if (typeof n === 'string') return [name, n]
      const port = (text: string) => {
        const at = /^eth(\d+)$/.exec(text)
        const ports = at === null ? 0 : links.filter((l) => l.includes(name)).length
        return at !== null && Number(at[1]) < ports ? Number(at[1]) + 1 : -1
      }
      const read = Object.entries(READERS).flatMap(([word, reader]) => {
        const written = n[word as keyof typeof READERS]
        return typeof written === 'object' ? [[word, reader(`lab: nodes.${name}.${word}`, written, port)]] : []
      })
      return [name, { ...n, ...Object.fromEntries(read) }]
    }),
  )
}

const READERS = {
  ip4: ip4Switches,
  ip6: ip6Switches,
  errorExtensions: errorExtensionSwitches,
  extendedEcho: extendedEchoSwitches,
}
