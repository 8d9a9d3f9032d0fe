/** Doors to the kernel. Linux only; koffi loads when the first door opens. */

export type { InterfaceAddress } from './address-message.ts'
export { BorrowedSocket, type Datagram, type QueuedError } from './borrowed-socket.ts'
export { BusyPoll } from './busy-poll.ts'
export {
  type CaptureCounts,
  type CaptureOptions,
  CaptureSocket,
  type LiveFrame,
  openCapture,
} from './capture-socket.ts'
export type { DoorSpec } from './door-spec.ts'
export { type DrainRules, type KnownWorkstation, openDrainRules, type Refusal, type Tracking } from './drain-rule.ts'
export { FlowDoor, type FlowDoorOptions, type FlowPort, flowFilter, openFlowDoor } from './flow-door.ts'
export { forgetGoneNamespaces } from './gone-namespace.ts'
export { askHealth, type HealthProbe, type HealthQuestion, REFUSED } from './health-probe.ts'
export {
  type HeldBy,
  type InstanceLock,
  lockInstance,
  type NamespaceIdentity,
  namespaceIdentity,
} from './instance-lock.ts'
export { interfaceIndex, interfaceName } from './interface-name.ts'
export type { Link } from './link-message.ts'
export { createNamespace, inNamespace, type Namespace, type NamespaceRef, openNamespace } from './namespace.ts'
export type { Neighbour } from './neighbour-message.ts'
export {
  type Change,
  Netlink,
  NetworkWatch,
  type NoRoute,
  openNetlink,
  type Watched,
  watchNetwork,
} from './netlink.ts'
export { type DoorChoice, openDoor } from './open-door.ts'
export { openPort } from './open-port.ts'
export { OsError } from './os-error.ts'
export { type OwnNamespace, ownNamespace, removeOrphanNamespaces } from './own-namespace.ts'
export { ProcessWatch, watchProcess } from './pidfd.ts'
export type { PortDoor, PortFacts, PortSpec, WarmingDoor } from './port-door.ts'
export { type PortChange, PortWatch, type Watchable, type WatchOptions, watchPorts } from './port-watch.ts'
export { RealClock } from './real-clock.ts'
export { type DroppedRights, dropRights } from './rights.ts'
export type { NextHop, Route } from './route-message.ts'
export { secret, unguessable } from './secret.ts'
export {
  openSockDiag,
  type PortHolders,
  SockDiag,
  SocketWatch,
  type SocketWatchOptions,
  watchSockets,
} from './sock-diag.ts'
export { type SocketOwner, SocketOwners, type SocketOwnersOptions } from './socket-owner.ts'
export {
  type SocketFilter,
  type SocketInfo,
  type SocketName,
  type SocketProtocol,
  SocketRecord,
  SocketState,
} from './socket-record.ts'
export { sourceTo } from './source-address.ts'
export { openTun, Tun, type TunOptions } from './tun.ts'
export { probeByUdp, type UdpError, type UdpProbe, unusedUdpPort } from './udp-error.ts'
export type { Pollable } from './waker.ts'
