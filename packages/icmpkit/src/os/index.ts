/** Doors to the kernel. Linux only; koffi loads when the first door opens. */
export type { DoorSpec } from './door-spec.ts'
export { interfaceIndex, interfaceName } from './interface-name.ts'
export { inNamespace } from './namespace.ts'
export { type DoorChoice, openDoor } from './open-door.ts'
export { OsError } from './os-error.ts'
export { RealClock } from './real-clock.ts'
export { type DroppedRights, dropRights } from './rights.ts'
