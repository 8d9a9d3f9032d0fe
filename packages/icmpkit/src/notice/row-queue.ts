/** Rows that are to be told out of turn, oldest first: a ring of fixed size. */
export class RowQueue {
  size = 0
  readonly #rows: Int32Array
  #head = 0

  constructor(limit: number) {
    this.#rows = new Int32Array(limit)
  }

  /** One that finds no room is left out. */
  push(row: number): void {
    const rows = this.#rows
    if (this.size < rows.length) rows[(this.#head + this.size++) % rows.length] = row
  }

  /** The oldest; -1 where there is none. */
  shift(): number {
    if (this.size === 0) return -1
    const row = this.#rows[this.#head]!
    this.#head = (this.#head + 1) % this.#rows.length
    this.size--
    return row
  }

  clear(): void {
    this.size = 0
  }
}
