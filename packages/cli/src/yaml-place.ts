/** YAML read strictly, and where in the file a thing stands: errors are one line, `FILE:LINE:COL: what was expected`. */
import { readFileSync } from 'node:fs'
import { safeText } from 'icmpkit/wire'
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit, type YAMLMap } from 'yaml'

export class ConfigError extends Error {}

/** A YAML file, and the places of what is in it. */
export class YamlFile {
  readonly doc: Document
  readonly #file: string
  readonly #lines = new LineCounter()

  /** @throws ConfigError where the text is no YAML */
  constructor(file: string, text: string) {
    this.#file = file
    // The library compares each key with each: ten thousand of them would take seconds.
    const options = { lineCounter: this.#lines, uniqueKeys: false, prettyErrors: false, logLevel: 'error' } as const
    this.doc = parseDocument(text, options)
    const first = this.doc.errors[0]
    if (first !== undefined) throw this.error(first.pos[0], first.message.split('\n')[0]!)
    visit(this.doc, { Map: (_, map) => this.#eachKeyOnce(map) })
  }

  /** `-` is standard input. @throws ConfigError that names the file, where it can't be read */
  static read(file: string): YamlFile {
    const name = file === '-' ? 'stdin' : file
    let text: string
    try {
      text = readFileSync(file === '-' ? 0 : file, 'utf8')
    } catch (e) {
      throw new ConfigError(`${name}: ${(e as Error).message}`)
    }
    return new YamlFile(name, text)
  }

  /** @throws ConfigError */
  #eachKeyOnce(map: YAMLMap): void {
    const seen = new Set<string>()
    for (const { key } of map.items) {
      if (!isScalar(key)) throw this.error((key as Node | null)?.range?.[0] ?? 0, 'expected a word before the colon')
      const name = String(key.value)
      if (seen.has(name)) throw this.error(key.range?.[0] ?? 0, `${name}: there already; expected each name once`)
      seen.add(name)
    }
  }

  /** The error of what stands at the octet `at`. */
  error(at: number, what: string): ConfigError {
    const { line, col } = this.#lines.linePos(at)
    return new ConfigError(`${this.#file}:${line}:${col}: ${safeText(shortened(what))}`)
  }

  /**
   * Where `nodes.me.routes` or `links[3][2].delay` stands, as far as it is there: the key of a map, the item of a list;
   * `left` is what is not there.
   */
  placeOf(path: string): { at: number; left: string } {
    let node = this.doc.contents as Node | null
    let at = node?.range?.[0] ?? 0
    let rest = path
    while (rest !== '') {
      const step = this.#step(node, rest)
      if (step === undefined) break
      at = step.at
      node = step.node
      rest = rest.slice(step.taken).replace(/^\./, '')
    }
    return { at, left: rest }
  }

  #step(of: Node | null, path: string): { node: Node | null; at: number; taken: number } | undefined {
    const node =
      of !== null && 'resolve' in of
        ? ((of as unknown as { resolve(d: Document): Node }).resolve(this.doc) ?? null)
        : of
    if (isSeq(node)) {
      const index = /^\[(\d+)\]/.exec(path)
      const item = index === null ? undefined : (node.items[Number(index[1])] as Node | undefined)
      return item === undefined ? undefined : { node: item, at: item.range?.[0] ?? 0, taken: index![0].length }
    }
    if (!isMap(node)) return undefined
    // A key may hold dots and brackets itself: the longest that fits.
    const fits = node.items.filter(({ key }) => isScalar(key) && begins(path, String(key.value)))
    const best = fits.toSorted((a, b) => keyOf(b).length - keyOf(a).length)[0]
    if (best === undefined) return undefined
    return { node: best.value as Node | null, at: (best.key as Node).range?.[0] ?? 0, taken: keyOf(best).length }
  }
}

/** What the YAML reader says may quote the rest of the file. */
function shortened(what: string): string {
  return what.length <= LONGEST ? what : `${what.slice(0, LONGEST)}…`
}
const LONGEST = 400

function keyOf(pair: { key: unknown }): string {
  return String((pair.key as { value: unknown }).value)
}

function begins(path: string, key: string): boolean {
  return path.startsWith(key) && (path.length === key.length || path[key.length] === '.' || path[key.length] === '[')
}
