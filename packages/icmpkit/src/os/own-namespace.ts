/**
 * A network namespace that a process makes for itself and takes away when it ends. It stands by its name below /run/netns,
 * as those of `ip netns` do, so that any program can be run in it; what a killed process left goes when the next one comes.
 *
 * A file below /run/icmpkit says whose it is: process, the moment that process began, and the namespace's number. Names for
 * its addresses stand where `ip netns exec` puts them over /etc for the programs that it runs.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { addNamespace, type Namespace, openNamespace, removeNamespace } from './namespace.ts'
import { Errno, OsError } from './os-error.ts'

export interface OwnNamespace extends Disposable {
  readonly name: string
  readonly namespace: Namespace
  /** What could not be had, in words. */
  readonly cannot: readonly string[]
  /** The names that programs in there know addresses by: `[['10.0.0.2', 'r1'], …]`. */
  nameHosts(hosts: readonly (readonly [address: string, name: string])[]): void
  /** What still runs inside keeps it until it ends. */
  remove(): void
}

/** As `name`, or as the first of lab0, lab1 … that is free. @throws OsError, EEXIST where the name is taken */
export function ownNamespace(name: string | undefined, base = 'lab'): OwnNamespace {
  removeOrphanNamespaces()
  if (name !== undefined) return made(name)
  for (let n = 0; ; n++) {
    try {
      return made(`${base}${n}`)
    } catch (e) {
      if (!(e instanceof OsError) || e.errno !== Errno.EEXIST || n === MOST) throw e
    }
  }
}

function made(name: string): OwnNamespace {
  addNamespace(name)
  let namespace: Namespace
  try {
    namespace = openNamespace(name)
  } catch (e) {
    removeNamespace(name)
    throw e
  }
  const cannot: string[] = []
  if (!writeNote(name)) cannot.push(`removing the namespace after a kill (${RUN} cannot be written)`)
  let there = true
  const remove = () => {
    if (!there) return
    there = false
    namespace.close()
    takeAway(name)
  }
  const nameHosts = (hosts: readonly (readonly [string, string])[]) => {
    try {
      writeNames(name, hosts)
    } catch {
      cannot.push(`names for programs inside (${ETC} cannot be written)`)
    }
  }
  return { name, namespace, cannot, nameHosts, remove, [Symbol.dispose]: remove }
}

/** Those whose process is gone, killed before it could remove them. `ownNamespace` does it first. */
export function removeOrphanNamespaces(): void {
  for (const file of notes()) {
    const name = file.slice(PREFIX.length, -SUFFIX.length)
    let note: Partial<Note>
    try {
      note = JSON.parse(readFileSync(`${RUN}/${file}`, 'utf8')) as Partial<Note>
    } catch {
      continue
    }
    if (typeof note.process !== 'number' || beganAt(note.process) === note.began) continue
    // Somebody else has made one of that name since.
    if (numberOf(name) === note.namespace) takeAway(name)
    else forget(name)
  }
}

function takeAway(name: string): void {
  try {
    removeNamespace(name)
  } catch (e) {
    if (!(e instanceof OsError) || e.errno !== Errno.ENOENT) throw e
  } finally {
    forget(name)
  }
}

// ---- whose it is

interface Note {
  process: number
  began: string
  namespace: number
}

function writeNote(name: string): boolean {
  try {
    mkdirSync(RUN, { recursive: true, mode: 0o755 })
    const note: Note = { process: process.pid, began: beganAt(process.pid)!, namespace: numberOf(name)! }
    writeFileSync(noteOf(name), `${JSON.stringify(note)}\n`, { mode: 0o644 })
    return true
  } catch {
    return false
  }
}

function forget(name: string): void {
  for (const file of [...NAME_FILES.map((f) => `${ETC}/${name}/${f}`), noteOf(name)]) quietly(() => unlinkSync(file))
  quietly(() => rmdirSync(`${ETC}/${name}`))
}

function notes(): string[] {
  try {
    return readdirSync(RUN).filter((f) => f.startsWith(PREFIX) && f.endsWith(SUFFIX))
  } catch {
    return []
  }
}

function noteOf(name: string): string {
  return `${RUN}/${PREFIX}${name}${SUFFIX}`
}

/** When a process began, in the kernel's ticks: a number that is used again is told apart by it. */
function beganAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie is dead, though nobody has taken note of it.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function numberOf(name: string): number | undefined {
  try {
    return statSync(`/run/netns/${name}`).ino
  } catch {
    return undefined
  }
}

// ---- names of addresses

/** Only files are asked: a resolver outside cannot be reached from inside, and each look-up would wait for it. */
function writeNames(name: string, hosts: readonly (readonly [string, string])[]): void {
  const dir = `${ETC}/${name}`
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  const lines = ['127.0.0.1 localhost', '::1 localhost', ...hosts.map((h) => h.join(' '))]
  writeFileSync(`${dir}/hosts`, `${lines.join('\n')}\n`)
  writeFileSync(
    `${dir}/nsswitch.conf`,
    'passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n',
  )
}

function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // It was never there, or somebody was faster.
  }
}

const NAME_FILES = ['hosts', 'nsswitch.conf']
const ETC = '/etc/netns'
const RUN = '/run/icmpkit'
const PREFIX = 'namespace-'
const SUFFIX = '.json'
/** Names that are tried. */
const MOST = 1000
