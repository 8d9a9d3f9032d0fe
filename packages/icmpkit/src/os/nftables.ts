/**
 * As much of nftables as owning an interface takes (linux/netfilter/nf_tables.h), over our own netlink: one table in the
 * family netdev that belongs to the socket that made it. It vanishes with the socket, also where its process is killed.
 */
import { Flag, MessageWriter } from './netlink-message.ts'
import { NetlinkSocket, Protocol } from './netlink-socket.ts'
import { Errno, OsError } from './os-error.ts'
import { LITTLE } from './sys.ts'

/** A table that holds back what passes an interface; closing it lets everything through again. */
export class DeviceGuard implements Disposable {
  readonly #socket: NetlinkSocket
  /** Nothing of the kernel's own leaves either. */
  readonly silent: boolean

  constructor(socket: NetlinkSocket, silent: boolean) {
    this.#socket = socket
    this.silent = silent
  }

  close(): void {
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * From now on the kernel hears nothing from `device` (packet sockets still do), and of what it would send there only
 * packets with `mark` leave. @throws OsError, EEXIST where `table` is there
 */
export function guardDevice(table: string, device: string, mark: number): DeviceGuard {
  const socket = open()
  try {
    try {
      socket.batch([newTable(table), newChain(table, INGRESS, device)], 'NFT_MSG_NEWTABLE')
    } catch (e) {
      // Whose table it is may not be told from a right that is missing.
      if (e instanceof OsError && e.errno === Errno.EPERM && isGuarded(table))
        throw new OsError(Errno.EEXIST, e.syscall, DOOR)
      throw explained(e)
    }
    let silent = true
    try {
      socket.batch([newChain(table, EGRESS, device), acceptMark(table, mark)], 'NFT_MSG_NEWCHAIN egress')
    } catch (e) {
      // Linux 5.16.
      if (!(e instanceof OsError) || (e.errno !== Errno.EOPNOTSUPP && e.errno !== Errno.ENOENT)) throw e
      silent = false
    }
    return new DeviceGuard(socket, silent)
  } catch (e) {
    socket.close()
    throw e
  }
}

/** Somebody holds a table of that name: a guard whose process lives. */
export function isGuarded(table: string): boolean {
  using socket = open()
  try {
    const w = message(GET_TABLE, Flag.request | Flag.ack)
    socket.request(w.text(Table.name, table), 'NFT_MSG_GETTABLE')
    return true
  } catch (e) {
    if (e instanceof OsError && e.errno === Errno.ENOENT) return false
    throw explained(e)
  }
}

function open(): NetlinkSocket {
  try {
    return new NetlinkSocket(Protocol.netfilter)
  } catch (e) {
    throw explained(e)
  }
}

function explained(e: unknown): unknown {
  if (!(e instanceof OsError)) return e
  switch (e.errno) {
    case Errno.EPROTONOSUPPORT:
    case Errno.EOPNOTSUPP:
    case Errno.ENOENT:
    case Errno.EAFNOSUPPORT:
      return new OsError(e.errno, e.syscall, DOOR, MISSING)
    case Errno.EINVAL:
      return new OsError(e.errno, e.syscall, DOOR, OLD)
  }
  return e
}

function newTable(table: string): Uint8Array {
  const w = message(NEW_TABLE, Flag.request | Flag.ack | Flag.create | Flag.exclusive)
  return done(w.text(Table.name, table).attribute(Table.flags, be32(TABLE_OWNER)))
}

/** Drops what no rule accepts. Before all others, so that nobody redirects a frame first. */
function newChain(table: string, hook: number, device: string): Uint8Array {
  const w = message(NEW_CHAIN, Flag.request | Flag.ack | Flag.create | Flag.exclusive)
  w.text(Chain.table, table).text(Chain.name, hook === INGRESS ? 'heard' : 'said')
  w.nest(NESTED | Chain.hook, () =>
    w.attribute(Hook.number, be32(hook)).attribute(Hook.priority, be32(FIRST)).text(Hook.device, device),
  )
  return done(w.attribute(Chain.policy, be32(DROP)).text(Chain.type, 'filter'))
}

/** meta mark MARK accept */
function acceptMark(table: string, mark: number): Uint8Array {
  const w = message(NEW_RULE, Flag.request | Flag.ack | Flag.create | Flag.append)
  w.text(Rule.table, table).text(Rule.chain, 'said')
  const expression = (name: string, data: () => void) =>
    w.nest(NESTED | LIST_ELEMENT, () => {
      w.text(Expression.name, name).nest(NESTED | Expression.data, data)
    })
  const value = new Uint8Array(4)
  new DataView(value.buffer).setUint32(0, mark, LITTLE)
  w.nest(NESTED | Rule.expressions, () => {
    expression('meta', () => w.attribute(Meta.register, be32(REGISTER_1)).attribute(Meta.key, be32(META_MARK)))
    expression('cmp', () =>
      w
        .attribute(Compare.register, be32(REGISTER_1))
        .attribute(Compare.operation, be32(EQUAL))
        .nest(NESTED | Compare.data, () => w.attribute(Data.value, value)),
    )
    expression('immediate', () =>
      w
        .attribute(Immediate.register, be32(REGISTER_VERDICT))
        .nest(NESTED | Immediate.data, () =>
          w.nest(NESTED | Data.verdict, () => w.attribute(VERDICT_CODE, be32(ACCEPT))),
        ),
    )
  })
  return done(w)
}

function message(type: number, flags: number): MessageWriter {
  // struct nfgenmsg: family, version, resource.
  return new MessageWriter()
    .begin((SUBSYSTEM << 8) | type, flags)
    .u8(FAMILY_NETDEV)
    .u8(0)
    .u16(0)
}

function done(w: MessageWriter): Uint8Array {
  return w.finish(0).slice()
}

/** Integers of nftables are in network order. */
function be32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

const DOOR = 'nftables'
const MISSING =
  'Owning an interface needs nftables for devices in the kernel (CONFIG_NF_TABLES, CONFIG_NF_TABLES_NETDEV): `modprobe nf_tables`'
const OLD = 'Owning an interface needs tables that end with their owner: Linux 5.12'

const SUBSYSTEM = 10
const NEW_TABLE = 0
const GET_TABLE = 1
const NEW_CHAIN = 3
const NEW_RULE = 6
const FAMILY_NETDEV = 5
const NESTED = 0x8000
const TABLE_OWNER = 2
const INGRESS = 0
const EGRESS = 1
/** The smallest priority. */
const FIRST = -0x80000000
const DROP = 0
const ACCEPT = 1
const REGISTER_VERDICT = 0
const REGISTER_1 = 1
const META_MARK = 3
const EQUAL = 0
const LIST_ELEMENT = 1
const VERDICT_CODE = 1

const Table = { name: 1, flags: 2 } as const
const Chain = { table: 1, name: 3, hook: 4, policy: 5, type: 7 } as const
const Hook = { number: 1, priority: 2, device: 3 } as const
const Rule = { table: 1, chain: 2, expressions: 4 } as const
const Expression = { name: 1, data: 2 } as const
const Meta = { register: 1, key: 2 } as const
const Compare = { register: 1, operation: 2, data: 3 } as const
const Immediate = { register: 1, data: 2 } as const
const Data = { value: 1, verdict: 2 } as const
