/**
 * The operator's way in: a Unix socket that its owner alone may use, one line of JSON each way. `serveNotices` listens,
 * `askOperator` asks (`icmp notify offline dns`).
 */
import type { Server, Socket } from 'node:net'
import { namespaceIdentity } from '../../os/index.ts'

/** What an operator may ask. `backAt` is seconds since 1970. */
export type OperatorRequest =
  | { do: 'offline' | 'drain'; program: string; reason?: string; backAt?: number }
  | { do: 'back'; program: string }
  | { do: 'status' | 'metrics' }

/** `why` is for people. */
export type OperatorAnswer = { ok: true; [field: string]: unknown } | { ok: false; why: string }

/** Where a socket or a file of the namespace with that number is by default. */
export function defaultPath(inode: number, suffix: 'sock' | 'state' | 'lock'): string {
  return `${directory()}/notify-${inode}.${suffix}`
}

/** Where `serveNotices` of this network namespace, or of `netns`, listens unless told otherwise. @throws OsError, RangeError */
export function operatorSocket(netns?: string | number): string {
  return defaultPath(namespaceIdentity(netns).inode, 'sock')
}

/** Root's, the one that systemd makes for a service (RuntimeDirectory=), or the one that the system gives each user. */
function directory(): string {
  const uid = process.geteuid?.()
  if (uid === 0) return '/run/icmpkit'
  const { RUNTIME_DIRECTORY, XDG_RUNTIME_DIR, HOME } = process.env
  const ofService = RUNTIME_DIRECTORY?.split(':')[0]
  if (ofService) return ofService
  if (XDG_RUNTIME_DIR) return `${XDG_RUNTIME_DIR}/icmpkit`
  return HOME ? `${HOME}/icmpkit` : `/tmp/icmpkit-${uid}`
}

/** @throws Error with one line for people: nobody listens, no right to ask, an answer that is none */
export async function askOperator(path: string, request: OperatorRequest): Promise<OperatorAnswer> {
  const { connect } = process.getBuiltinModule('node:net')
  const socket = connect(path)
  try {
    return await new Promise<OperatorAnswer>((resolve, reject) => {
      let text = ''
      socket.setEncoding('utf8')
      socket.setTimeout(PATIENCE, () => reject(new Error(`${path}: no answer`)))
      socket.on('error', (e: NodeJS.ErrnoException) => reject(new Error(explained(path, e))))
      socket.on('data', (more: string) => {
        text += more
        const end = text.indexOf('\n')
        if (end < 0) return
        try {
          resolve(JSON.parse(text.slice(0, end)) as OperatorAnswer)
        } catch {
          reject(new Error(`${path}: whoever listens there is not icmp notify serve`))
        }
      })
      socket.on('end', () => reject(new Error(`${path}: no answer`)))
      socket.write(`${JSON.stringify(request)}\n`)
    })
  } finally {
    socket.destroy()
  }
}

function explained(path: string, e: NodeJS.ErrnoException): string {
  switch (e.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `no icmp notify serve listens at ${path}: start it, or say --socket PATH or --netns NAME`
    case 'EACCES':
    case 'EPERM':
      return `${path}: only the user who runs icmp notify serve may ask it`
    default:
      return `${path}: ${e.message}`
  }
}

/** Listens at `path`; made by `listenToOperator`. */
export interface OperatorDoor {
  readonly path: string
  close(): void
}

/**
 * Listens at `path`, which nobody but this user can open from the first moment on. What a process that is gone left there
 * is taken away. @throws Error with one line for people
 */
export async function listenToOperator(
  path: string,
  answer: (r: OperatorRequest) => Promise<OperatorAnswer>,
): Promise<OperatorDoor> {
  const { createServer } = process.getBuiltinModule('node:net')
  const { mkdirSync, unlinkSync } = process.getBuiltinModule('node:fs')
  const { dirname } = process.getBuiltinModule('node:path')
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  await clear(path)
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    serve(socket, answer)
  })
  server.maxConnections = MOST
  await listen(server, path)
  return {
    path,
    close: () => {
      server.close()
      for (const socket of open) socket.destroy()
      try {
        unlinkSync(path)
      } catch {}
    },
  }
}

async function listen(server: Server, path: string): Promise<void> {
  // The socket is there with its rights, or not there: a chmod afterwards leaves a moment in which others get in.
  const before = masked(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
      if (before !== undefined) process.umask(before)
    })
  } finally {
    if (before !== undefined) process.umask(before)
  }
  if (before === undefined) process.getBuiltinModule('node:fs').chmodSync(path, 0o600)
  server.removeAllListeners('error')
  server.on('error', () => {})
}

/** The mask of before; undefined in a worker thread, which has none of its own to set. */
function masked(mask: number): number | undefined {
  try {
    return process.umask(mask)
  } catch {
    return undefined
  }
}

/** @throws Error where something else is at `path` */
async function clear(path: string): Promise<void> {
  const { lstatSync, unlinkSync } = process.getBuiltinModule('node:fs')
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`${path}: there is a file of that name, and it is no socket`)
  const { connect } = process.getBuiltinModule('node:net')
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => resolve(true))
    socket.on('error', (e: NodeJS.ErrnoException) => resolve(e.code !== 'ECONNREFUSED' && e.code !== 'ENOENT'))
    socket.on('close', () => socket.destroy())
    socket.on('connect', () => socket.destroy())
  })
  if (alive) throw new Error(`${path}: another process listens there already`)
  unlinkSync(path)
}

function serve(socket: Socket, answer: (r: OperatorRequest) => Promise<OperatorAnswer>): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.setTimeout(PATIENCE, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', (more: string) => {
    text += more
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      void reply(line, answer).then((a) => socket.write(`${JSON.stringify(a)}\n`))
    }
    if (text.length > LONGEST) socket.end(`${JSON.stringify({ ok: false, why: 'the line is too long' })}\n`)
  })
}

async function reply(line: string, answer: (r: OperatorRequest) => Promise<OperatorAnswer>): Promise<OperatorAnswer> {
  const request = requestOf(line)
  if (typeof request === 'string') return { ok: false, why: request }
  try {
    return await answer(request)
  } catch (e) {
    return { ok: false, why: (e as Error).message }
  }
}

/** What the line asks, or what is wrong with it. */
function requestOf(line: string): OperatorRequest | string {
  let r: Partial<Record<'do' | 'program' | 'reason' | 'backAt', unknown>>
  try {
    r = JSON.parse(line)
  } catch {
    return 'a line of JSON is expected'
  }
  if (typeof r !== 'object' || r === null) return 'an object is expected'
  if (r.do === 'status' || r.do === 'metrics') return { do: r.do }
  if (r.do !== 'offline' && r.do !== 'drain' && r.do !== 'back')
    return 'do: offline, drain, back, status or metrics is expected'
  if (typeof r.program !== 'string') return 'program: a name is expected'
  if (r.do === 'back') return { do: 'back', program: r.program }
  if (r.reason !== undefined && typeof r.reason !== 'string') return 'reason: a text is expected'
  if (r.backAt !== undefined && typeof r.backAt !== 'number') return 'backAt: seconds since 1970 are expected'
  return {
    do: r.do,
    program: r.program,
    ...(r.reason === undefined ? {} : { reason: r.reason }),
    ...(r.backAt === undefined ? {} : { backAt: r.backAt }),
  }
}

/** Who asks and says nothing more, or who is asked and does not answer, ms. */
const PATIENCE = 10_000
/** Characters of a line, and operators at a time. */
const LONGEST = 4096
const MOST = 16
