/**
 * MD5 (RFC 1321), for the group of a node's name (RFC 4620 §5) and nothing that has to be safe. Here, since this layer
 * imports nothing of Node.
 */

/** The sixteen octets of the digest. */
export function md5(data: Uint8Array): Uint8Array {
  const blocks = ((data.length + 8) >>> 6) + 1
  const padded = new Uint8Array(blocks * 64)
  padded.set(data)
  padded[data.length] = 0x80
  const words = new DataView(padded.buffer)
  words.setUint32(blocks * 64 - 8, data.length << 3, true)
  words.setUint32(blocks * 64 - 4, data.length >>> 29, true)
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
  for (let block = 0; block < blocks; block++) round(state, words, block * 64)
  const digest = new Uint8Array(16)
  const out = new DataView(digest.buffer)
  for (let i = 0; i < 4; i++) out.setInt32(4 * i, state[i]!, true)
  return digest
}

function round(state: Int32Array, words: DataView, at: number): void {
  let [a, b, c, d] = [state[0]!, state[1]!, state[2]!, state[3]!]
  for (let i = 0; i < 64; i++) {
    const turn = i >>> 4
    const [f, g] =
      turn === 0
        ? [(b & c) | (~b & d), i]
        : turn === 1
          ? [(d & b) | (~d & c), (5 * i + 1) & 15]
          : turn === 2
            ? [b ^ c ^ d, (3 * i + 5) & 15]
            : [c ^ (b | ~d), (7 * i) & 15]
    const sum = (a + f + SINES[i]! + words.getInt32(at + 4 * g, true)) | 0
    const by = SHIFTS[turn]![i & 3]!
    a = d
    d = c
    c = b
    b = (b + ((sum << by) | (sum >>> (32 - by)))) | 0
  }
  state[0] = state[0]! + a
  state[1] = state[1]! + b
  state[2] = state[2]! + c
  state[3] = state[3]! + d
}

const SHIFTS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
]
const SINES: Int32Array = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0)
