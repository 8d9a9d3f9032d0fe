/**
 * Does a program still answer? One question over a socket of the program's own network namespace: a UDP payload and any
 * answer, a TCP connection, or the status line of an HTTP request. The only proof that a program hangs: the kernel of a
 * stopped one still takes datagrams and accepts connections.
 */
import type { Ip } from '../wire/addr.ts'
import { familyOf, writeIp } from '../wire/addr.ts'
import { monotonic } from './kernel-time.ts'
import { inNamespace, type NamespaceRef } from './namespace.ts'
import { Errno, errnoName } from './os-error.ts'
import {
  ADDRESS_SIZE,
  AF_INET,
  AF_INET6,
  MSG_DONTWAIT,
  putAddress,
  SO_ERROR,
  SOCK_DGRAM,
  SOL_SOCKET,
  Socket,
} from './socket.ts'
import { LITTLE, must, sys } from './sys.ts'
import { forget, waker } from './waker.ts'

export type HealthQuestion =
  /** Any datagram that comes back is an answer. */
  | { readonly kind: 'udp'; readonly payload: Uint8Array }
  /** A connection that is made is an answer: a stopped program makes it too, until its backlog is full. */
  | { readonly kind: 'tcp' }
  /** A status from 200 to 399 is. */
  | { readonly kind: 'http'; readonly path: string; readonly host: string }

export interface HealthProbe {
  readonly question: HealthQuestion
  readonly address: Ip
  readonly port: number
  readonly timeout: number
  readonly netns?: NamespaceRef
  /** Is told the port that the question comes from, before the program can know of it. */
  readonly from?: (port: number) => void
}

/** undefined: it answers; otherwise why it is taken for hung, in a few words. @throws OsError where no socket can be had */
export async function askHealth(p: HealthProbe): Promise<string | undefined> {
  const open = () =>
    new Socket(DOOR, family4(p) ? AF_INET : AF_INET6, p.question.kind === 'udp' ? SOCK_DGRAM : STREAM, 0)
  const socket = p.netns === undefined ? open() : inNamespace(p.netns, open)
  try {
    const why = await ask(socket, p, monotonic() + p.timeout)
    // Whoever hangs must not be left with a connection for each question: this one ends with a reset.
    if (why !== undefined) socket.setBytes(SOL_SOCKET, SO_LINGER, AT_ONCE, AT_ONCE.length, 'SO_LINGER')
    return why
  } finally {
    forget(socket.fd)
    socket.close()
  }
}

async function ask(socket: Socket, p: HealthProbe, until: number): Promise<string | undefined> {
  const os = sys()
  const address = new Uint8Array(ADDRESS_SIZE)
  const octets = new Uint8Array(16)
  writeIp(p.address, octets, 0)
  const view = new DataView(address.buffer)
  const length = putAddress(view, address, 0, family4(p) ? 4 : 6, octets, 0, p.port)
  if (p.from !== undefined) p.from(bound(socket, family4(p) ? AF_INET : AF_INET6))
  const connected = os.connect(socket.fd, address, length)
  if (connected < 0 && connected !== -EINPROGRESS) return words(-connected)
  if (p.question.kind !== 'udp') {
    if (connected < 0) {
      await waker().wait([socket], true, until).done
      const errno = socket.get(SOL_SOCKET, SO_ERROR)
      if (errno !== 0) return words(errno)
      // Neither connected nor refused: as a getpeername would say.
      if (os.send(socket.fd, new Uint8Array(0), 0, MSG_DONTWAIT) < 0) return TIMEOUT
    }
    if (p.question.kind === 'tcp') return undefined
  }
  const request = p.question.kind === 'udp' ? p.question.payload : get(p.question)
  const sent = os.send(socket.fd, request, request.length, MSG_DONTWAIT)
  if (sent < 0) return words(-sent)
  return await answer(socket, p.question, until)
}

/** Takes a port, and says which. @throws OsError */
function bound(socket: Socket, domain: number): number {
  const address = new Uint8Array(ADDRESS_SIZE)
  const view = new DataView(address.buffer)
  view.setUint16(0, domain, LITTLE)
  must(sys().bind(socket.fd, address, domain === AF_INET ? 16 : ADDRESS_SIZE), 'bind', DOOR)
  const length = new Uint8Array(new Uint32Array([ADDRESS_SIZE]).buffer)
  must(sys().getsockname(socket.fd, address, length), 'getsockname', DOOR)
  return view.getUint16(2)
}

async function answer(socket: Socket, question: HealthQuestion, until: number): Promise<string | undefined> {
  const room = new Uint8Array(2048)
  let head = ''
  for (;;) {
    const got = sys().recv(socket.fd, room, room.length, MSG_DONTWAIT)
    if (got === -Errno.EAGAIN) {
      if (monotonic() >= until) return TIMEOUT
      await waker().wait([socket], false, until).done
      continue
    }
    if (got < 0) return words(-got)
    if (question.kind === 'udp') return undefined
    head += Buffer.from(room.buffer, 0, got).toString('latin1')
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]
    if (status !== undefined) return status >= '200' && status <= '399' ? undefined : `HTTP status ${status}`
    if (got === 0 || head.length > 64) return 'no HTTP answer'
  }
}

function get({ path, host }: HealthQuestion & { kind: 'http' }): Uint8Array {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: icmp-notify\r\nConnection: close\r\n\r\n`)
}

function family4(p: HealthProbe): boolean {
  return familyOf(p.address) === 4
}

function words(errno: number): string {
  return errno === Errno.ECONNREFUSED ? REFUSED : errno === Errno.EAGAIN ? TIMEOUT : errnoName(errno)
}

const DOOR = 'health-probe'
const SO_LINGER = 13
/** struct linger: on, for no seconds. */
const AT_ONCE: Uint8Array = new Uint8Array(new Int32Array([1, 0]).buffer)
/** Nobody holds the port. */
export const REFUSED = 'connection refused'
const TIMEOUT = 'no answer in time'
const STREAM = 1
const EINPROGRESS = 115
