/**
 * As much of nftables as owning an interface takes, over our own netlink: one table in the family netdev that belongs to
 * the socket that made it. It vanishes with the socket, also where its process is killed.
 */
import { Flag } from './netlink-message.ts'
import type { NetlinkSocket } from './netlink-socket.ts'
import {
  accept,
  compare,
  explained,
  loadMeta,
  Nft,
  NftFamily,
  newChain,
  newRule,
  nftMessage,
  openNftables,
  ownedTable,
  Table,
} from './nft-message.ts'
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
  const socket = openNftables(CURES)
  try {
    try {
      socket.batch([ownedTable(NftFamily.netdev, table), deviceChain(table, INGRESS, device)], 'NFT_MSG_NEWTABLE')
    } catch (e) {
      // Whose table it is may not be told from a right that is missing.
      if (e instanceof OsError && e.errno === Errno.EPERM && isGuarded(table))
        throw new OsError(Errno.EEXIST, e.syscall, DOOR)
      throw explained(e, CURES)
    }
    let silent = true
    try {
      socket.batch([deviceChain(table, EGRESS, device), acceptMark(table, mark)], 'NFT_MSG_NEWCHAIN egress')
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
  using socket = openNftables(CURES)
  try {
    const w = nftMessage(Nft.getTable, Flag.request | Flag.ack, NftFamily.netdev)
    socket.request(w.text(Table.name, table), 'NFT_MSG_GETTABLE')
    return true
  } catch (e) {
    if (e instanceof OsError && e.errno === Errno.ENOENT) return false
    throw explained(e, CURES)
  }
}

/** meta mark MARK accept */
function acceptMark(table: string, mark: number): Uint8Array {
  const value = new Uint8Array(4)
  new DataView(value.buffer).setUint32(0, mark, LITTLE)
  return newRule(NftFamily.netdev, table, 'said', [loadMeta(META_MARK), compare(value), accept()])
}

/** Drops what no rule accepts. Before all others, so that nobody redirects a frame first. */
function deviceChain(table: string, hook: number, device: string): Uint8Array {
  const name = hook === INGRESS ? 'heard' : 'said'
  return newChain(NftFamily.netdev, table, name, { hook, priority: FIRST, accept: false, device })
}

const DOOR = 'nftables'
const MISSING =
  'Owning an interface needs nftables for devices in the kernel (CONFIG_NF_TABLES, CONFIG_NF_TABLES_NETDEV): `modprobe nf_tables`'
const OLD = 'Owning an interface needs tables that end with their owner: Linux 5.12'

const CURES = { missing: MISSING, old: OLD }

const INGRESS = 0
const EGRESS = 1
/** The smallest priority. */
const FIRST = -0x80000000
const META_MARK = 3
