/** Opens the door of a port by its description: a TUN or TAP of our own, or an interface of the kernel's. */
import { inNamespace } from './namespace.ts'
import { type Netlink, openNetlink } from './netlink.ts'
import type { PortDoor, PortSpec } from './port-door.ts'
import { Hardware, type Link } from './rtnetlink.ts'
import { secret } from './secret.ts'
import { openTun } from './tun.ts'
import { TunDoor } from './tun-door.ts'

/** @throws OsError (as a rejection) whose message names the cure */
export async function openPort(spec: PortSpec): Promise<PortDoor> {
  return spec.netns === undefined ? open(spec) : inNamespace(spec.netns, () => open(spec))
}

function open(spec: PortSpec): PortDoor {
  using netlink = openNetlink()
  return openTunPort(spec, netlink)
}

function openTunPort(spec: PortSpec, netlink: Netlink): PortDoor {
  if (spec.mac !== undefined && spec.mac.length !== 6) throw new RangeError('a MAC address has six octets')
  const tun = openTun(spec.interface === undefined ? { mode: spec.kind } : { mode: spec.kind, name: spec.interface })
  try {
    if (spec.mtu !== undefined) netlink.setLink(tun.name, { mtu: spec.mtu })
    const link = netlink.link(tun.name)!
    const medium = link.hardware === Hardware.ether ? 'ethernet' : 'ip'
    const mac = medium === 'ip' ? NO_MAC : (spec.mac ?? ownMac(link))
    return new TunDoor(tun, { index: link.index, name: tun.name, medium, mac, mtu: link.mtu, up: true })
  } catch (e) {
    tun.close()
    throw e
  }
}

/** Unicast, locally administered, and not that of the kernel's side. */
function ownMac(link: Link): Uint8Array {
  const mac = secret(6)
  mac[0] = (mac[0]! & 0xfc) | 2
  return Buffer.compare(mac, link.address) === 0 ? ownMac(link) : mac
}

const NO_MAC = new Uint8Array(0)
