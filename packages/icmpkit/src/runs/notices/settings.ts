/** From what users say to what the notifier and the kernel are told, for `serveNotices`. */
import { Notifier, type NotifierOptions, type ProgramSpec, type Signer } from '../../notice/index.ts'
import * as os from '../../os/index.ts'
import type { NoticeKey } from './keys.ts'
import { checkNoticeOptions, type NoticeOptions, type NoticeProgram } from './options.ts'

/** @throws TypeError, RangeError: what can be known before anything is opened */
export function check(o: NoticeOptions): void {
  checkNoticeOptions(o)
  new Notifier({ programs: o.programs.map(specOf), wall: () => 0, random: () => 0.5 })
}

/** @throws Error where another process serves this namespace */
export function lock(path: string, socket: string | undefined): os.InstanceLock {
  const who = `process ${process.pid}${socket === undefined ? '' : `, socket ${socket}`}`
  const got = os.lockInstance(path, who)
  if (!('heldBy' in got)) return got
  throw new Error(
    `icmp notify serve runs in this network namespace already (${got.heldBy}); two would tell everybody twice`,
  )
}

export function specOf(p: NoticeProgram): ProgramSpec {
  return {
    name: p.name,
    protocol: p.protocol,
    port: p.port,
    ...given(p, ['grace', 'code', 'message', 'backIn', 'reset', 'elicit']),
    ...(p.probe?.failures === undefined ? {} : { failures: p.probe.failures }),
  }
}

/** Its workstations and its state stay. */
export function sameFlows(a: NoticeProgram, b: NoticeProgram): boolean {
  return a.name === b.name && a.protocol === b.protocol && a.port === b.port
}

function signerOf(key: NoticeKey): Signer {
  const hmac = key.kind === 'hmac-sha256'
  return { algorithm: key.algorithm, keyId: key.id, size: hmac ? 16 : 64, perWorkstation: hmac, sign: key.sign! }
}

/** Those of the fields that are there. */
function given<T extends object, K extends keyof T>(
  from: T,
  names: readonly K[],
): { [P in K]?: Exclude<T[P], undefined> } {
  const out: { [P in K]?: Exclude<T[P], undefined> } = {}
  for (const name of names) {
    const value = from[name]
    if (value !== undefined) out[name] = value as Exclude<T[K], undefined>
  }
  return out
}

/** What is the notifier's alone: rates, limits, the key, chance that nobody outside can guess. */
export function mannersOf(o: NoticeOptions): Omit<NotifierOptions, 'programs' | 'wall'> {
  return {
    random: os.unguessable(),
    ...(o.key === undefined ? {} : { signer: signerOf(o.key) }),
    ...given(o, ['rate', 'burst', 'perAddressRate', 'perAddressBurst', 'freshness', 'repeatAfter']),
    ...(o.tableSize === undefined ? {} : { limit: o.tableSize }),
  }
}
