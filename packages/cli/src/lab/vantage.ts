/** `--lab FILE --from NODE` of the asking commands: the network of the file, asked from inside one of its nodes. */
import type { Vantage } from 'icmpkit/lab'
import { parseIp } from 'icmpkit/wire'
import { readLab } from './lab-file.ts'

export interface LabFlags {
  lab?: string
  /** The first host. */
  from?: string
}

/** Comes along in the bundle that has the lab in it: a ping of the real network does not load it. */
export type OpenVantage = (flags: LabFlags & { lab: string }, targets: readonly string[]) => InLab

export interface InLab {
  over: Vantage
  /** When the scenario of the file ends, milliseconds; undefined where it does not say. */
  until: number | undefined
}

/** @throws Error with the file in its message: a place in it, or a node that it does not have */
export const openVantage: OpenVantage = ({ lab: file, from }, targets) => {
  const { config, lab } = readLab(file)
  const names = Object.keys(config.nodes)
  const none = (name: string, more = '') =>
    new TypeError(`${file}: there is no node '${name}'; expected ${someOf(names)}${more}`)
  const net = lab()
  const asker = from ?? names.find((n) => net.kindOf(n) === 'host')
  if (asker === undefined) throw new TypeError(`${file}: it has no host to ask from; --from says which node does`)
  if (!net.has(asker)) throw none(asker)
  for (const t of targets) {
    const host = t.split('%')[0]!
    if (parseIp(host) === undefined && !net.has(host)) throw none(host, ', or an address')
  }
  return { over: net.from(asker), until: config.until }
}

/** Enough names to see what is meant. */
function someOf(names: readonly string[]): string {
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} … (${names.length})`
}
