/**
 * The switches of the stack in the file of a lab, checked as those of `icmp host` are: addresses are text, ports their
 * names, of which a node has as many as it ends links.
 */
import { ERROR_EXTENSION_DEFAULTS } from '../stack/error-extension.ts'
import { EXTENDED_ECHO_DEFAULTS } from '../stack/extended-echo-responder.ts'
import { IP4_DEFAULTS } from '../stack/ip4/settings.ts'
import { IP6_DEFAULTS } from '../stack/ip6/settings.ts'
import { valuesOf, type Written } from '../stack/written-settings.ts'
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
      const read = <T extends object>(word: 'ip4' | 'ip6' | 'errorExtensions' | 'extendedEcho', defaults: T) =>
        typeof n[word] === 'object'
          ? { [word]: valuesOf<T>(`lab: nodes.${name}.${word}`, n[word] as Written<T>, defaults, port) }
          : {}
      const ip4 = read('ip4', IP4_SWITCHES)
      const ip6 = read('ip6', IP6_SWITCHES)
      const tell = read('errorExtensions', ERROR_EXTENSION_DEFAULTS)
      return [name, { ...n, ...ip4, ...ip6, ...tell, ...read('extendedEcho', EXTENDED_ECHO_DEFAULTS) }]
    }),
  )
}

/** Routes are a word of the node. */
const { routes: _4, ...IP4_SWITCHES } = IP4_DEFAULTS
const { routes: _6, ...IP6_SWITCHES } = IP6_DEFAULTS
