/** Opens the door of a port by its description: a TUN or TAP of our own, or an interface of the kernel's. */

import { Hardware, type Link } from './link-message.ts'
import { inNamespace } from './namespace.ts'
import { type Netlink, openNetlink } from './netlink.ts'
import { Errno, OsError } from './os-error.ts'
import { PacketDoor } from './packet-door.ts'
import { PacketRing } from './packet-ring.ts'
import { noInterface, type PortDoor, type PortFacts, type PortSpec } from './port-door.ts'
import { secret } from './secret.ts'
import { type Seizure, seize } from './seize.ts'
import { openTun } from './tun.ts'
import { TunDoor } from './tun-door.ts'

/** @throws OsError (as a rejection) whose message names the cure */
export async function openPort(spec: PortSpec): Promise<PortDoor> {
  return spec.netns === undefined ? open(spec) : inNamespace(spec.netns, () => open(spec))
}

function open(spec: PortSpec): PortDoor {
  if (spec.kind === 'packet') return openPacketPort(spec)
  using netlink = openNetlink()
  return openTunPort(spec, netlink)
}

function openPacketPort(spec: Extract<PortSpec, { kind: 'packet' }>): PortDoor {
  checkMac(spec.mac)
  const netlink = openNetlink()
  let seizure: Seizure | undefined
  try {
    const link = netlink.link(spec.interface)
    if (link === undefined) throw noInterface(spec.interface, 'RTM_GETLINK', 'packet')
    const medium = mediumOf(link)
    const mark = new DataView(secret(4).buffer).getUint32(0) || 1
    seizure = seize(link, netlink, mark, spec.force ?? false)
    const own = medium === 'ethernet' && spec.mac !== undefined && Buffer.compare(spec.mac, link.address) !== 0
    const mac = medium === 'ip' ? NO_MAC : (spec.mac ?? link.address)
    const promiscuous = own || (spec.promiscuous ?? false)
    const ring = new PacketRing(link, { promiscuous, mac: own ? mac : undefined, mark })
    const now = netlink.link(link.index) ?? link
    const { index, name, mtu } = now
    const held = seizure
    return new PacketDoor(
      ring,
      { kind: 'packet', index, name, medium, mac, mtu, up: now.up && now.running },
      held.cannot,
      () => held.release(),
    )
  } catch (e) {
    if (seizure === undefined) netlink.close()
    else seizure.release()
    throw e
  }
}

function mediumOf(link: Link): PortFacts['medium'] {
  switch (link.hardware) {
    case Hardware.ether:
      return 'ethernet'
    case Hardware.none:
    case Hardware.rawIp:
    case Hardware.ppp:
    case Hardware.tunnel4:
    case Hardware.tunnel6:
    case Hardware.sit:
      return 'ip'
  }
  const cure = link.loopback ? 'The loopback is the kernel itself' : 'Only Ethernet and links without framing can be'
  throw new OsError(Errno.EOPNOTSUPP, 'seize', 'packet', `${link.name} cannot be taken: ${cure}`)
}

function openTunPort(spec: Extract<PortSpec, { kind: 'tun' | 'tap' }>, netlink: Netlink): PortDoor {
  checkMac(spec.mac)
  const tun = openTun(spec.interface === undefined ? { mode: spec.kind } : { mode: spec.kind, name: spec.interface })
  try {
    if (spec.mtu !== undefined) netlink.setLink(tun.name, { mtu: spec.mtu })
    const link = netlink.link(tun.name)!
    const medium = link.hardware === Hardware.ether ? 'ethernet' : 'ip'
    const mac = medium === 'ip' ? NO_MAC : (spec.mac ?? ownMac(link))
    return new TunDoor(tun, {
      kind: spec.kind,
      index: link.index,
      name: tun.name,
      medium,
      mac,
      mtu: link.mtu,
      up: true,
    })
  } catch (e) {
    tun.close()
    throw e
  }
}

function checkMac(mac: Uint8Array | undefined): void {
  if (mac === undefined) return
  if (mac.length !== 6) throw new RangeError('a MAC address has six octets')
  if ((mac[0]! & 1) !== 0) throw new RangeError("a MAC address of a group is no station's")
}

/** Unicast, locally administered, and not that of the kernel's side. */
function ownMac(link: Link): Uint8Array {
  const mac = secret(6)
  mac[0] = (mac[0]! & 0xfc) | 2
  return Buffer.compare(mac, link.address) === 0 ? ownMac(link) : mac
}

const NO_MAC = new Uint8Array(0)
