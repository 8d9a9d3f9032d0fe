/** What `serveNotices` can be told, checked before anything is opened. */

import { parseIp } from '../../wire/addr.ts'
import type { NoticeKey } from './keys.ts'

/** A program whose workstations are told when it goes offline. */
export interface NoticeProgram {
  /** 1 to 32 octets of UTF-8 without control characters: workstations get to see it. */
  name: string
  protocol: 'udp' | 'tcp'
  port: number
  /** Its process: when it ends, its port is looked at, as it is when a socket of the port is closed. */
  pid?: number
  /** Its systemd unit instead: whatever processes are in that control group, also after a restart. */
  unit?: string
  probe?: NoticeProbe
  /** Milliseconds that its port may be nobody's before that is an outage. 250: a restart tells nobody. */
  grace?: number
  /** The error is port unreachable (the default), or administratively prohibited. */
  code?: 'port' | 'admin'
  /** The reason that is told where the operator gives none; 64 octets of UTF-8 at most. */
  message?: string
  /** Seconds after which it is expected back, where the operator says nothing else. */
  backIn?: number
  /** TCP: also end the connections with a reset. */
  reset?: boolean
  /**
   * TCP: false: send no acknowledgement that asks a workstation for its sequence number, without which its kernel takes no
   * notice about an established connection.
   */
  elicit?: boolean
}

/** How it is asked whether it answers: the only way to know that a program hangs. */
export interface NoticeProbe {
  kind: 'udp' | 'tcp' | 'http'
  /** What a UDP probe sends; one octet of zero. */
  payload?: Uint8Array
  /** Of an HTTP probe: '/'. */
  path?: string
  /** Where to ask: the address that the program is bound to, loopback where it is bound to all. */
  address?: string
  /** Milliseconds between two probes (1000), for an answer (500). */
  every?: number
  timeout?: number
  /** Probes in a row without an answer that make it hang: 3. */
  failures?: number
}

export interface NoticeOptions {
  programs: readonly NoticeProgram[]
  /** Network namespace of the programs. */
  netns?: string | number
  /** Signs every notice. */
  key?: NoticeKey
  /** Notices a second (100,000), and at once after a rest (1,000). */
  rate?: number
  burst?: number
  /** The same to one address: 20,000 and 2,000. */
  perAddressRate?: number
  perAddressBurst?: number
  /** Workstations that were silent for longer are not told, ms: 120,000. */
  freshness?: number
  /** Those that stay silent are told once more after so many ms: 1,000; 0: never. */
  repeatAfter?: number
  /** Workstations of UDP that are known at a time: 1,000,000. */
  tableSize?: number
  /** Unix socket for the operator, or false for none: `/run/icmpkit/notify-<namespace>.sock`. */
  socket?: string | false
  /** File in which states and workstations outlive us, or false for none: `/run/icmpkit/notify-<namespace>.state`. */
  state?: string | false
  /**
   * Once all is open, give up every right: root becomes nobody. A drain then tells the workstations and refuses nobody, and
   * no connection is reset. False: the operator may ask for either at any time.
   */
  dropRights?: boolean
  signal?: AbortSignal
}

/** @throws TypeError, RangeError */
export function checkNoticeOptions(o: NoticeOptions): void {
  const names = new Set<string>()
  const ports = new Set<string>()
  for (const p of o.programs) {
    checkProgram(p)
    if (names.has(p.name)) throw new TypeError(`program ${p.name}: the name is there twice`)
    const port = `${p.protocol}/${p.port}`
    if (ports.has(port)) throw new TypeError(`program ${p.name}: ${port} is another program's already`)
    names.add(p.name)
    ports.add(port)
  }
  positive('rate', o.rate)
  positive('burst', o.burst)
  positive('perAddressRate', o.perAddressRate)
  positive('perAddressBurst', o.perAddressBurst)
  positive('freshness', o.freshness)
  if (o.repeatAfter !== undefined && !(o.repeatAfter >= 0)) throw new RangeError(`repeatAfter: ${o.repeatAfter}`)
  if (o.dropRights === true && o.netns !== undefined)
    throw new TypeError('dropRights: another namespace is entered again and again, which needs the rights')
  if (o.key !== undefined && o.key.sign === undefined)
    throw new TypeError('a public key signs nothing: give the file with the secret')
}

/** What the notifier itself does not look at. @throws TypeError, RangeError */
export function checkProgram(p: NoticeProgram): void {
  const of = `program ${p.name}`
  if (p.pid !== undefined && p.unit !== undefined) throw new TypeError(`${of}: a pid or a unit, not both`)
  if (p.pid !== undefined && !(Number.isInteger(p.pid) && p.pid > 0)) throw new RangeError(`${of}: pid ${p.pid}`)
  if (p.unit !== undefined && !/^[\w@:.\\-]+$/.test(p.unit))
    throw new TypeError(`${of}: ${p.unit} is no name of a unit`)
  if (p.reset && p.protocol !== 'tcp') throw new TypeError(`${of}: reset is of TCP`)
  if (p.elicit !== undefined && p.protocol !== 'tcp') throw new TypeError(`${of}: elicit is of TCP`)
  const { probe } = p
  if (probe === undefined) return
  if ((probe.kind === 'udp') !== (p.protocol === 'udp'))
    throw new TypeError(`${of}: a probe by ${probe.kind} asks no program of ${p.protocol}`)
  if (probe.address !== undefined && parseIp(probe.address) === undefined)
    throw new TypeError(`${of}: the probe asks an address, not ${probe.address}`)
  if (probe.path !== undefined && !/^\/[!-~]*$/.test(probe.path))
    throw new TypeError(`${of}: a path begins with a slash and has no blanks`)
  positive(`${of}: every`, probe.every)
  positive(`${of}: timeout`, probe.timeout)
  if (probe.failures !== undefined && !(Number.isInteger(probe.failures) && probe.failures > 0))
    throw new RangeError(`${of}: ${probe.failures} failed probes`)
}

function positive(name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isFinite(value) && value > 0)) throw new RangeError(`${name}: ${value}`)
}
