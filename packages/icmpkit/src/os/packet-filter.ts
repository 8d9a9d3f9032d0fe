/** Classic BPF: a few instructions that the kernel runs on each packet before it is queued for a socket. */
import { type Arena, arena } from './arena.ts'
import { SO_ATTACH_FILTER, SOL_SOCKET, type Socket } from './socket.ts'
import { LITTLE } from './sys.ts'

/** One instruction: opcode, jumps if true and false, operand. */
export type Instruction = readonly [code: number, yes: number, no: number, k: number]

/** Replaces the socket's filter. @throws OsError */
export function attachFilter(socket: Pick<Socket, 'setBytes'>, program: readonly Instruction[]): void {
  scratch ??= arena(16 + MAX_INSTRUCTIONS * 8, 'filter')
  const { view, address } = scratch
  view.setUint16(0, program.length, LITTLE)
  view.setBigUint64(8, address + 16n, LITTLE)
  for (const [i, [code, yes, no, k]] of program.entries()) {
    const at = 16 + i * 8
    view.setUint16(at, code, LITTLE)
    view.setUint8(at + 2, yes)
    view.setUint8(at + 3, no)
    view.setUint32(at + 4, k, LITTLE)
  }
  socket.setBytes(SOL_SOCKET, SO_ATTACH_FILTER, address, 16, 'SO_ATTACH_FILTER')
}

/** The kernel takes no more (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096

/** A = the octet at k. */
export const LOAD_BYTE = 0x30
/** A = the 16 bits at k. */
export const LOAD_HALF = 0x28
/** A = the 32 bits at k. */
export const LOAD_WORD = 0x20
/** X = 4 × the low half of the octet at k: the length of an IPv4 header. */
export const LOAD_HEADER_LENGTH = 0xb1
/** A = the octet, or the 16 bits, at X + k. */
export const LOAD_BYTE_X = 0x50
export const LOAD_HALF_X = 0x48
/** X = k. */
export const SET_X = 0x01
export const JUMP_EQUAL = 0x15
/** True where A and k have a bit in common. */
export const JUMP_ANY = 0x45
/** On by k instructions. */
export const JUMP = 0x05
/** A = A and k. */
export const AND = 0x54
/** Take k octets of the packet; 0 = drop it. */
export const RETURN = 0x06

let scratch: Arena | undefined
