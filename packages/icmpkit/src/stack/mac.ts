/**
 * Link-layer addresses as rows of neighbours keep them: two numbers of 24 bits, which stand in the row itself, where an
 * array would be three objects more.
 */
import { put24, u24 } from '../wire/octets.ts'

export interface Mac {
  macHigh: number
  macLow: number
}

/** Its six octets, in `into`: an array of the caller's own where it is kept. */
export function writeMac({ macHigh, macLow }: Readonly<Mac>, into: Uint8Array): Uint8Array {
  put24(into, 0, macHigh)
  put24(into, 3, macLow)
  return into
}

/** From now on it is `mac`. */
export function setMac(row: Mac, mac: Uint8Array): void {
  row.macHigh = u24(mac, 0)
  row.macLow = u24(mac, 3)
}

/** Is it the one that stands at `at`? */
export function isMacAt({ macHigh, macLow }: Readonly<Mac>, bytes: Uint8Array, at = 0): boolean {
  return macLow === u24(bytes, at + 3) && macHigh === u24(bytes, at)
}
