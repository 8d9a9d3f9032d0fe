/** A Map that costs nothing until something is in it: most of what a node can keep account of never happens to it. */
export class SparseMap<K, V> {
  #map: Map<K, V> | undefined

  get size(): number {
    return this.#map?.size ?? 0
  }

  get(key: K): V | undefined {
    return this.#map?.get(key)
  }

  has(key: K): boolean {
    return this.#map?.has(key) ?? false
  }

  set(key: K, value: V): void {
    this.#map ??= new Map()
    this.#map.set(key, value)
  }

  delete(key: K): boolean {
    const gone = this.#map?.delete(key) ?? false
    if (this.#map?.size === 0) this.#map = undefined
    return gone
  }

  clear(): void {
    this.#map = undefined
  }

  keys(): Iterable<K> {
    return this.#map?.keys() ?? []
  }

  values(): Iterable<V> {
    return this.#map?.values() ?? []
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return (this.#map ?? EMPTY)[Symbol.iterator]() as Iterator<[K, V]>
  }
}

const EMPTY: ReadonlyMap<never, never> = new Map<never, never>()
