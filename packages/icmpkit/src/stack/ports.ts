/**
 * The ports of a node, by index. Most are numbered 1, 2, 3 … and stand where their number says; for others, as the
 * interfaces of a machine are numbered, there is a map.
 */
import type { Port } from './port.ts'

export class Ports {
  #all: readonly Port[] = NONE
  #others: Map<number, Port> | undefined

  get size(): number {
    return this.#all.length
  }

  get(index: number): Port | undefined {
    const port = this.#all[index - 1]
    return port !== undefined && port.index === index ? port : this.#others?.get(index)
  }

  /** A port comes; none ever goes. */
  add(port: Port): void {
    this.#all = this.#all.concat(port)
    if (port.index === this.#all.length) return
    this.#others ??= new Map()
    this.#others.set(port.index, port)
  }

  keys(): number[] {
    return this.#all.map((p) => p.index)
  }

  /** In the order of their coming. */
  values(): readonly Port[] {
    return this.#all
  }
}

const NONE: readonly Port[] = []
