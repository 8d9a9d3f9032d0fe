/** Which door, and why: the ping socket needs no privilege, the raw socket does what it can't. */
import type { Door } from '../door.ts'
import type { DoorSpec } from './door-spec.ts'
import { inNamespace } from './namespace.ts'
import { Errno, OsError } from './os-error.ts'
import { openPingSocket, pingSocketCure } from './ping-socket.ts'
import { openRawSocket, rawSocketCure } from './raw-socket.ts'
import { openDoors } from './socket-door.ts'

/** The door, and for each thing that was tried a sentence for people: `icmp ping -v` prints them. */
export interface DoorChoice {
  readonly door: Door
  readonly why: readonly string[]
}

/** @throws OsError (as a rejection) where no door of the kind can be opened; its message names the cure. */
export async function openDoor(spec: DoorSpec): Promise<DoorChoice> {
  const first = openDoors() === 0
  const choice = spec.netns === undefined ? open(spec) : inNamespace(spec.netns, () => open(spec))
  if (first) await new Promise((resolve) => setTimeout(resolve, STAMPS_ON))
  return choice
}

function open(spec: DoorSpec): DoorChoice {
  const family = `IPv${spec.family}`
  if (spec.kind === 'ping-socket') return { door: openPingSocket(spec), why: [`${family} ping socket, as asked`] }
  const beyond = beyondPingSocket(spec)
  if (spec.kind === 'raw-socket') return { door: openRawSocket(spec), why: [`${family} raw socket, as asked`] }
  if (beyond !== undefined) return { door: openRawSocket(spec), why: [`${family} raw socket: ${beyond}`] }
  try {
    return { door: openPingSocket(spec), why: [`${family} ping socket: it needs no privilege`] }
  } catch (refusal) {
    if (!(refusal instanceof OsError) || refusal.syscall !== 'socket') throw refusal
    return {
      door: fallBack(spec, refusal),
      why: [refusal.message, `${family} raw socket: the ping socket was refused`],
    }
  }
}

function fallBack(spec: DoorSpec, refusal: OsError): Door {
  try {
    return openRawSocket(spec)
  } catch (second) {
    if (!(second instanceof OsError) || second.syscall !== 'socket') throw second
    if (second.errno === Errno.EAFNOSUPPORT) throw second
    // Either cure will do; the first needs no privilege afterwards.
    const cures = [pingSocketCure(refusal.errno), rawSocketCure(second.errno)].filter((c) => c !== '')
    throw new OsError(
      refusal.errno,
      'socket',
      refusal.door,
      `${cures.join('. Or: ')} (${second.code} for the raw socket)`,
    )
  }
}

/** What only the raw socket can do. */
function beyondPingSocket(spec: DoorSpec): string | undefined {
  if (spec.headers === 'ours') return 'IP headers of our own'
  return spec.accept === 'all' ? 'every ICMP message is wanted' : undefined
}

/**
 * The kernel turns receive stamps on from a work queue, some time after the first socket asks for them: without this
 * pause one reply in ten that came at once had no stamp (2 cores, Linux 6.18), and the first is the only one of `-c 1`.
 */
const STAMPS_ON = 2
