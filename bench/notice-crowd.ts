/**
 * Many workstations in one process, each with a socket and an address of its own: UDP ones greet the server twice (a
 * confirmed flow), TCP ones connect and ask for errors (IP_RECVERR); then they wait to be told that it is gone. Started by
 * `notices.ts` and `notices-tcp.ts`, inside the workstations' namespace.
 *
 * They speak lines: we write `ready`, then (at the first line on standard input, or when all are told) one line of JSON,
 * the monotonic milliseconds at which each one was told.
 */
import { Errno } from '../packages/icmpkit/src/os/os-error.ts'
import {
  AF_INET,
  AF_INET6,
  IP_RECVERR,
  putAddress,
  SO_ERROR,
  SOCK_DGRAM,
  SOL_IP,
  SOL_SOCKET,
} from '../packages/icmpkit/src/os/socket.ts'
import { LITTLE, must, sys } from '../packages/icmpkit/src/os/sys.ts'
import { familyOf, parseIp, writeIp } from '../packages/icmpkit/src/wire/addr.ts'

/** This file, to be run by Node. */
export const SCRIPT: string = import.meta.filename

export interface CrowdArgs {
  protocol: 'udp' | 'tcp'
  server: string
  port: number
  /** Address of the first workstation; the next ones follow. */
  first: string
  count: number
  /** All of them at the first address: many behind one router. */
  together: boolean
  /** Milliseconds between two datagrams of one workstation while it waits; 0: it only listens. */
  every: number
  /** Milliseconds to wait at most. */
  wait: number
}

async function main(a: CrowdArgs): Promise<void> {
  const crowd = new Crowd(a)
  if (a.protocol === 'udp') {
    crowd.greet()
    crowd.greet()
  } else crowd.connected()
  process.stdout.write('ready\n')
  crowd.waitToBeTold()
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(crowd.told)}\n`, () => resolve()))
  process.exit()
}

class Crowd {
  /** Monotonic milliseconds, in the order of telling. */
  readonly told: number[] = []
  readonly #os = sys()
  readonly #a: CrowdArgs
  readonly #fds: number[] = []
  readonly #epoll: number
  readonly #events = new DataView(new ArrayBuffer(BATCH * EPOLL_EVENT))
  readonly #eventBytes = new Uint8Array(this.#events.buffer)
  readonly #buffer = new Uint8Array(64)
  readonly #value = new Int32Array(1)
  readonly #valueBytes = new Uint8Array(this.#value.buffer)
  readonly #four = new Uint8Array(new Uint32Array([4]).buffer)

  constructor(a: CrowdArgs) {
    this.#a = a
    const server = parseIp(a.server)!
    const first = parseIp(a.first)!
    const family = familyOf(server)
    const name = new Uint8Array(28)
    const view = new DataView(name.buffer)
    const octets = new Uint8Array(16)
    this.#epoll = must(this.#os.epoll_create1(0), 'epoll_create1', 'crowd')
    for (let i = 0; i < a.count; i++) {
      const type = (a.protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK
      const fd = must(this.#os.socket(family === 4 ? AF_INET : AF_INET6, type, 0), 'socket', 'crowd')
      const step = a.together ? 0 : i
      writeIp(
        typeof first === 'bigint' ? ((first + BigInt(step)) as typeof first) : (((first + step) | 0) as never),
        octets,
        0,
      )
      let size = putAddress(view, name, 0, family, octets, 0)
      must(this.#os.bind(fd, name, size), 'bind', 'crowd')
      writeIp(server, octets, 0)
      size = putAddress(view, name, 0, family, octets, 0, a.port)
      if (a.protocol === 'tcp') {
        this.#value[0] = 1
        must(this.#os.setsockopt(fd, SOL_IP, IP_RECVERR, this.#valueBytes, 4), 'setsockopt', 'crowd')
      }
      const result = this.#os.connect(fd, name, size)
      if (result !== -EINPROGRESS) must(result, 'connect', 'crowd')
      this.#events.setUint32(0, EPOLLERR | EPOLLET, LITTLE)
      this.#events.setInt32(4, i, LITTLE)
      must(this.#os.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, this.#eventBytes), 'epoll_ctl', 'crowd')
      this.#fds.push(fd)
    }
  }

  /** Each sends and gets an answer; who got none asks again, for a while. */
  greet(): void {
    const { send, recv } = this.#os
    for (let from = 0; from < this.#fds.length; from += TOGETHER) {
      let left = this.#fds.slice(from, from + TOGETHER)
      for (let tries = 0; left.length > 0; tries++) {
        if (tries === 50) throw new Error(`${left.length} workstations get no answer`)
        for (const fd of left) must(send(fd, GREETING, GREETING.length, 0), 'send', 'crowd')
        for (let naps = 0; naps < 100 && left.length > 0; naps++) {
          left = left.filter((fd) => recv(fd, this.#buffer, this.#buffer.length, 0) < 0)
          if (left.length > 0) Atomics.wait(SLEEP, 0, 0, 1)
        }
      }
    }
  }

  /** Until all have their connection, and have said a word over it. */
  connected(): void {
    let left = this.#fds
    for (let naps = 0; left.length > 0; naps++) {
      if (naps === 20_000) throw new Error(`${left.length} workstations get no connection`)
      left = left.filter((fd) => this.#os.send(fd, GREETING, GREETING.length, 0) < 0)
      if (left.length > 0) Atomics.wait(SLEEP, 0, 0, 1)
    }
  }

  waitToBeTold(): void {
    const { every, wait } = this.#a
    const start = milliseconds()
    let sent = 0
    while (this.told.length < this.#fds.length) {
      const now = milliseconds()
      if (now - start > wait) return
      if (every > 0) {
        for (const due = ((now - start) / every) * this.#fds.length; sent < due; sent++) this.#speak(sent)
      }
      const got = this.#os.epoll_wait(this.#epoll, this.#eventBytes, BATCH, every > 0 ? 1 : 100)
      if (got <= 0) continue
      const at = milliseconds()
      for (let i = 0; i < got; i++) this.#look(this.#events.getInt32(i * EPOLL_EVENT + 4, LITTLE), at)
    }
  }

  /** A datagram; a pending error is told by the call, and then it does not leave. */
  #speak(n: number): void {
    const i = n % this.#fds.length
    const fd = this.#fds[i]!
    if (fd < 0) return
    const result = this.#os.send(fd, GREETING, GREETING.length, 0)
    if (result === -Errno.ECONNREFUSED) this.#tell(i, milliseconds())
  }

  #look(i: number, at: number): void {
    const fd = this.#fds[i]!
    if (fd < 0) return
    this.#os.getsockopt(fd, SOL_SOCKET, SO_ERROR, this.#valueBytes, this.#four)
    if (this.#value[0] === Errno.ECONNREFUSED) this.#tell(i, at)
  }

  #tell(i: number, at: number): void {
    this.told.push(at)
    // Not closed: that takes as long as being told, on the core that the server may need.
    this.#fds[i] = -1
  }
}

/** The clock that all processes of the machine share. */
function milliseconds(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** As long as a question often is; who says less than a notice has octets is told without words. */
const GREETING = new TextEncoder().encode('is there anybody?'.padEnd(240))
const SLEEP = new Int32Array(new SharedArrayBuffer(4))
/** As many greet at a time: what the server's receive queue holds. */
const TOGETHER = 200
const BATCH = 256
const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const EINPROGRESS = 115
const EPOLL_EVENT = 12
const EPOLL_CTL_ADD = 1
const EPOLLERR = 8
const EPOLLET = 0x80000000

// The last line: a class is there only behind its declaration.
if (process.argv[1] === import.meta.filename) await main(JSON.parse(process.argv[2]!) as CrowdArgs)
