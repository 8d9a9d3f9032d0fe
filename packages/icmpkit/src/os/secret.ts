/** Octets nobody can guess. From the kernel, not from node:crypto, which takes 5 ms to load: a tenth of a short ping. */
import { closeSync, openSync, readSync } from 'node:fs'

/** So many of them. */
export function secret(octets: number): Uint8Array {
  const out = new Uint8Array(octets)
  const fd = openSync('/dev/urandom', 'r')
  try {
    for (let at = 0; at < octets; ) at += readSync(fd, out, at, octets - at, null)
  } finally {
    closeSync(fd)
  }
  return out
}

/** Chance that nobody outside can guess, 0 to 1, 32 bits at a time, from the kernel in pages. */
export function unguessable(): () => number {
  let page = new DataView(secret(PAGE).buffer)
  let at = 0
  return () => {
    if (at === page.byteLength) {
      page = new DataView(secret(PAGE).buffer)
      at = 0
    }
    at += 4
    return page.getUint32(at - 4) / 2 ** 32
  }
}

const PAGE = 4096
