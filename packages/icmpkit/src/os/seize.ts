/**
 * Taking an interface from the kernel, so that it has one owner (docs/decisions/seizing.md). A packet socket is a tap: the
 * kernel beside it would answer too, with the addresses that it has or made itself, and forward what we forward.
 *
 * From the moment that it is taken the kernel hears nothing from it and says nothing to it, by a table of nftables' that
 * vanishes with our socket: closed, or killed. What does not vanish (a link that we brought up) stands in a file below
 * /run/icmpkit until it is undone, by us or by whoever takes an interface next.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { showIp } from '../wire/addr.ts'
import { hex } from '../wire/octets.ts'
import type { InterfaceAddress } from './address-message.ts'
import type { Link } from './link-message.ts'
import type { Netlink } from './netlink.ts'
import { type DeviceGuard, guardDevice, isGuarded } from './nftables.ts'
import { Errno, OsError } from './os-error.ts'

/** An interface that is ours until it is released. */
export class Seizure {
  /** What could not be had, in words that `-v` prints. */
  readonly cannot: readonly string[]
  readonly #link: Link
  readonly #netlink: Netlink
  readonly #guard: DeviceGuard
  readonly #note: string | undefined

  /** Keeps `netlink` until it is released. */
  constructor(link: Link, netlink: Netlink, guard: DeviceGuard, note: string | undefined, cannot: readonly string[]) {
    this.#link = link
    this.#netlink = netlink
    this.#guard = guard
    this.#note = note
    this.cannot = cannot
  }

  /** Gives it back as it was. */
  release(): void {
    try {
      if (!this.#link.up) putDown(this.#netlink, this.#link)
    } finally {
      if (this.#note !== undefined) forgetNote(this.#note)
      this.#guard.close()
      this.#netlink.close()
    }
  }
}

/**
 * Takes `link`; of what this machine sends there, what has `mark` still leaves. `force`: also where the kernel has
 * addresses on it. Must run in the namespace of `netlink`, which the seizure keeps. @throws OsError that says what it is that stands against it
 */
export function seize(link: Link, netlink: Netlink, mark: number, force: boolean): Seizure {
  repair(netlink)
  if (!force) refuseWhereUsed(link, netlink)
  let guard: DeviceGuard
  try {
    guard = guardDevice(tableOf(link.index), link.name, mark)
  } catch (e) {
    if (!(e instanceof OsError) || e.errno !== Errno.EEXIST) throw e
    throw new OsError(Errno.EBUSY, 'seize', DOOR, `Another process has taken ${link.name}: end it first`)
  }
  const cannot: string[] = []
  if (!guard.silent) cannot.push('silence of the kernel on this interface (Linux 5.16 has it)')
  let note: string | undefined
  try {
    // Again after the repair, which may have put it down.
    const now = netlink.link(link.index)
    if (now === undefined) throw new OsError(Errno.ENODEV, 'seize', DOOR, `The interface ${link.name} is gone`)
    if (!now.up) {
      note = writeNote(now)
      if (note === undefined) cannot.push(`putting the link down again after a kill (${RUN} cannot be written)`)
      netlink.setLink(now.index, { up: true })
    }
    return new Seizure(now, netlink, guard, note, cannot)
  } catch (e) {
    if (note !== undefined) forgetNote(note)
    guard.close()
    throw e
  }
}

/** Undoes what a process that was killed could not: its notes are here, its table is not. */
export function repair(netlink: Netlink): void {
  for (const file of notes()) {
    const index = Number(/-(\d+)\.json$/.exec(file)?.[1])
    if (isGuarded(tableOf(index))) continue
    const link = netlink.link(index)
    // Somebody else's interface by now, or one that somebody uses.
    if (link?.up && sameLink(file, link) && addressesOn(link, netlink).length === 0) putDown(netlink, link)
    forgetNote(file)
  }
}

function refuseWhereUsed(link: Link, netlink: Netlink): void {
  const held = addressesOn(link, netlink)
  if (held.length > 0) {
    const [first] = held
    const names = held.map((a) => `${showIp(a.address)}/${a.prefixLength}`).join(', ')
    const remove = `ip address del ${showIp(first!.address)}/${first!.prefixLength} dev ${link.name}`
    throw new OsError(
      Errno.EADDRINUSE,
      'seize',
      DOOR,
      `The kernel has ${names} on ${link.name}. Take it off (\`${remove}\`), or force: the kernel keeps its addresses, but hears and says nothing by this interface until it is given back; connections over it stall`,
    )
  }
  if (link.master !== undefined) {
    const cure = `${link.name} belongs to ${netlink.name(link.master) ?? 'another interface'}: take it out (\`ip link set ${link.name} nomaster\`), or force: the other one then hears nothing from it`
    throw new OsError(Errno.EBUSY, 'seize', DOOR, cure)
  }
}

/** Those that somebody gave it, or an interface stacked on it; link-local ones of IPv6 the kernel makes by itself. */
function addressesOn(link: Link, netlink: Netlink): InterfaceAddress[] {
  const stacked = (l: Link) => l.link === link.index && !l.otherNamespace && l.type !== 'veth'
  const indexes = [link.index, ...netlink.links().flatMap((l) => (stacked(l) ? [l.index] : []))]
  const linkLocal = (a: InterfaceAddress) => typeof a.address === 'bigint' && a.address >> 118n === 0x3fan
  return netlink.addresses().filter((a) => indexes.includes(a.index) && !linkLocal(a))
}

function putDown(netlink: Netlink, link: Link): void {
  try {
    netlink.setLink(link.index, { up: false })
  } catch (e) {
    if (!(e instanceof OsError) || e.errno !== Errno.ENODEV) throw e
  }
}

function tableOf(index: number): string {
  return `icmpkit_${index}`
}

// ---- notes: one file for each link that was brought up

function writeNote(link: Link): string | undefined {
  const file = `${RUN}/${namespaceId()}-${link.index}.json`
  try {
    mkdirSync(RUN, { recursive: true, mode: 0o755 })
    writeFileSync(file, `${JSON.stringify({ name: link.name, mac: hex(link.address), up: false })}\n`, { mode: 0o644 })
    return file
  } catch {
    return undefined
  }
}

/** Those of this network namespace. */
function notes(): string[] {
  try {
    const prefix = `${namespaceId()}-`
    return readdirSync(RUN).flatMap((f) => (f.startsWith(prefix) ? [`${RUN}/${f}`] : []))
  } catch {
    return []
  }
}

function sameLink(file: string, link: Link): boolean {
  try {
    const { name, mac } = JSON.parse(readFileSync(file, 'utf8')) as { name: unknown; mac: unknown }
    return name === link.name && mac === hex(link.address)
  } catch {
    return false
  }
}

function forgetNote(file: string): void {
  try {
    unlinkSync(file)
  } catch {
    // Somebody was faster.
  }
}

/** Number of this thread's network namespace, for as long as it lives. */
function namespaceId(): number {
  return statSync('/proc/thread-self/ns/net').ino
}

const DOOR = 'packet'
const RUN = '/run/icmpkit'
