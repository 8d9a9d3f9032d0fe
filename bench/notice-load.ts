/** A busy UDP server, and the workstations that keep it so. Two roles of a program of its own, started by `notice-standing.ts`. */
import { type Arena, arena } from '../packages/icmpkit/src/os/arena.ts'
import { AF_INET, putAddress, SOCK_DGRAM, SOCK_RAW, Socket } from '../packages/icmpkit/src/os/socket.ts'
import { LITTLE, must, sys } from '../packages/icmpkit/src/os/sys.ts'
import { waker } from '../packages/icmpkit/src/os/waker.ts'
import type { Ip4 } from '../packages/icmpkit/src/wire/addr.ts'
import { pseudo4 } from '../packages/icmpkit/src/wire/checksum.ts'
import * as ip4 from '../packages/icmpkit/src/wire/ip4.ts'
import * as udp from '../packages/icmpkit/src/wire/udp.ts'

/** This file, to be run by Node with `server PORT` or `crowd PORT FLOWS RATE`. At each line of input it says what it has counted. */
export const SCRIPT: string = import.meta.filename

const IPPROTO_RAW = 255
const SERVER = 0xc0000201 | 0
const FIRST = 0x0a400001
/** Of payload. */
const OCTETS = 32
const BATCH = 64
/** Of struct mmsghdr, iovec and sockaddr_in. */
const HEADER = 64
const IOVEC = 16
const ADDRESS = 16
/** One datagram of so many is answered; no divisor of the usual numbers of workstations, so that each has its turn. */
const ANSWER = 13

if (process.argv[1] === import.meta.filename) {
  const [role, port, flows, rate] = process.argv.slice(2) as [string, ...string[]]
  if (role === 'server') await server(Number(port))
  else await crowd(Number(port), Number(flows), Number(rate))
}

/** struct mmsghdr number `i`, and its iovec behind the headers at `iovecs`: `length` octets at `octets`, with `address`. */
function putMessage(table: Arena, i: number, iovecs: number, address: number, octets: number, length: number): void {
  const { view, base } = table
  const at = i * HEADER
  const iovec = iovecs + i * IOVEC
  view.setBigUint64(at, BigInt(base + address), LITTLE)
  view.setUint32(at + 8, ADDRESS, LITTLE)
  view.setBigUint64(at + 16, BigInt(base + iovec), LITTLE)
  view.setBigUint64(at + 24, 1n, LITTLE)
  view.setBigUint64(iovec, BigInt(base + octets), LITTLE)
  view.setBigUint64(iovec + 8, BigInt(length), LITTLE)
}

async function server(port: number): Promise<void> {
  const socket = new Socket('bench', AF_INET, SOCK_DGRAM, 0)
  socket.trySet(1, 33, 8 << 20)
  const own = new Uint8Array(ADDRESS)
  putAddress(new DataView(own.buffer), own, 0, 4, new Uint8Array(4), 0, port)
  must(sys().bind(socket.fd, own, ADDRESS), 'bind', 'bench')
  const table = arena(BATCH * (HEADER + IOVEC + ADDRESS + 2048))
  const iovecs = BATCH * HEADER
  const addresses = iovecs + BATCH * IOVEC
  const octets = addresses + BATCH * ADDRESS
  for (let i = 0; i < BATCH; i++) {
    putMessage(table, i, iovecs, addresses + i * ADDRESS, octets + i * 2048, 2048)
  }
  let received = 0
  process.stdin.on('data', () => process.stdout.write(`${received}\n`))
  process.stdout.write('ready\n')
  for (;;) {
    const got = sys().recvmmsg(socket.fd, table.address, BATCH, 0x40, null)
    if (got <= 0) {
      await waker().wait([socket], false, Number.POSITIVE_INFINITY).done
      continue
    }
    for (let i = 0; i < got; i++) {
      if (++received % ANSWER !== 0) continue
      const to = table.bytes.subarray(addresses + i * ADDRESS, addresses + (i + 1) * ADDRESS)
      sys().sendto(socket.fd, table.bytes.subarray(octets + i * 2048), OCTETS, 0, to, ADDRESS)
    }
    // Somebody may want to know.
    if (got === BATCH && (received & 0x3fff) < BATCH) await new Promise((turn) => setImmediate(turn))
  }
}

/** Whole IP packets of `flows` workstations in turn, `rate` a second. */
async function crowd(port: number, flows: number, rate: number): Promise<void> {
  const socket = new Socket('bench', AF_INET, SOCK_RAW, IPPROTO_RAW)
  socket.trySet(1, 32, 8 << 20)
  const length = 28 + OCTETS
  const stride = 64
  const iovecs = flows * HEADER
  const packets = iovecs + flows * IOVEC
  const to = packets + flows * stride
  const table = arena(to + ADDRESS)
  const server = new Uint8Array([192, 0, 2, 1])
  putAddress(table.view, table.bytes, to, 4, server, 0)
  for (let i = 0; i < flows; i++) {
    const at = packets + i * stride
    ip4.write({ protocol: 17, src: (FIRST + i) as Ip4, dst: SERVER as Ip4 }, table.bytes, at, 8 + OCTETS)
    const pseudo = pseudo4(table.bytes, at, 17, 8 + OCTETS)
    udp.write({ srcPort: 40_000, dstPort: port }, table.bytes, at + 20, at + length, pseudo)
    putMessage(table, i, iovecs, to, at, length)
  }
  let sent = 0
  process.stdin.on('data', () => process.stdout.write(`${sent}\n`))
  process.stdout.write('ready\n')
  const start = performance.now()
  let next = 0
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    // What a busy machine makes us miss is not made up for at once.
    let due = Math.min(((performance.now() - start) * rate) / 1000 - sent, rate / 20)
    while (due >= 1) {
      const count = Math.min(BATCH, flows - next, Math.floor(due))
      const got = sys().sendmmsg(socket.fd, table.address + BigInt(next * HEADER), count, 0)
      if (got <= 0) break
      sent += got
      due -= got
      next = (next + got) % flows
    }
  }
}
