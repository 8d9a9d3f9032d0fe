/** The processes of a systemd unit: those of its control group, read where the kernel shows them. Nobody is asked. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Of `named` or `named.service`; none where no such unit runs. */
export function pidsOfUnit(unit: string, root = '/sys/fs/cgroup'): number[] {
  const name = unit.includes('.') ? unit : `${unit}.service`
  // Version 1 has a hierarchy of systemd's own.
  const base = existsSync(`${root}/cgroup.procs`) ? root : `${root}/systemd`
  const found = find(base, name, DEPTH)
  return found === undefined ? [] : pidsBelow(found, DEPTH)
}

/** Slices lie in slices: system.slice/system-getty.slice/getty@tty1.service. */
function find(directory: string, name: string, depth: number): string | undefined {
  const inside = directories(directory)
  if (inside.includes(name)) return `${directory}/${name}`
  if (depth === 0) return undefined
  for (const d of inside) {
    if (!d.endsWith('.slice')) continue
    const found = find(`${directory}/${d}`, name, depth - 1)
    if (found !== undefined) return found
  }
  return undefined
}

function pidsBelow(directory: string, depth: number): number[] {
  const own = read(`${directory}/cgroup.procs`).split('\n').filter(Boolean).map(Number)
  return depth === 0
    ? own
    : [...own, ...directories(directory).flatMap((d) => pidsBelow(`${directory}/${d}`, depth - 1))]
}

function directories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((d) => d.isDirectory())
      .map((d) => d.name)
  } catch {
    return []
  }
}

/** A group may end while we look. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const DEPTH = 6
