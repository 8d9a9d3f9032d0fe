/** The YAML file of a lab: `FILE:LINE:COL: what was wrong and what was expected`, whoever finds it. */
import { checkAsks, fromText, type Lab, lab, type ScenarioConfig } from 'icmpkit/lab'
import { ConfigError, YamlFile } from '../yaml-place.ts'

export interface LabFile {
  config: ScenarioConfig
  /** Makes the network, with `over` in place of what the file says. @throws ConfigError with the place */
  lab(over?: Partial<ScenarioConfig>): Lab
  /** Runs `work`; what it says is wrong with the network (`lab: links[2]: …`) gets its place in the file. */
  placed<T>(work: () => T): T
}

/** @throws ConfigError with the file, the line and what was expected */
export function readLab(file: string): LabFile {
  return labOf(YamlFile.read(file))
}

/** The same of a text; `file` is what errors call it. */
export function parseLab(file: string, text: string): LabFile {
  return labOf(new YamlFile(file, text))
}

function labOf(yaml: YamlFile): LabFile {
  const placed = <T>(work: () => T): T => {
    try {
      return work()
    } catch (e) {
      if (e instanceof ConfigError || !(e instanceof Error) || !e.message.startsWith('lab: ')) throw e
      throw placeIn(yaml, e.message.slice('lab: '.length))
    }
  }
  const config = placed(() => fromText(plain(yaml)))
  const made = (over: Partial<ScenarioConfig> = {}) => {
    const net = lab({ ...config, ...over })
    checkAsks(net, config.ask ?? [])
    return net
  }
  return { config, placed, lab: (over) => placed(() => made(over)) }
}

/** `links[0][1]: there is no node …`, `at[0]: routes: …`: the place is as much in front as is there. */
function placeIn(yaml: YamlFile, message: string): ConfigError {
  const [first = '', ...rest] = message.split(': ')
  let path = inFile(yaml, first)
  let { at, left } = yaml.placeOf(path)
  for (const more of left === '' ? rest : []) {
    // What a link does stands behind the nodes that it joins.
    const tries = [`${path}.${more}`, `${path}${more}`, ...[2, 3, 4, 5].map((i) => `${path}[${i}].${more}`)]
    const deeper = tries.find((p) => yaml.placeOf(p).left === '')
    if (deeper === undefined) break
    path = deeper
    at = yaml.placeOf(path).at
  }
  return yaml.error(at, message)
}

/** The library counts what happens (`at[3]`), the file has moments (`at.5s`), each with one or more of it. */
function inFile(yaml: YamlFile, path: string): string {
  const index = /^at\[(\d+)\](.*)$/.exec(path)
  if (index === null) return path
  const { at } = plain(yaml) as { at: Record<string, unknown> }
  let left = Number(index[1])
  for (const [moment, what] of Object.entries(at)) {
    const count = Array.isArray(what) ? what.length : 1
    if (left < count) return Array.isArray(what) ? `at.${moment}[${left}]${index[2]}` : `at.${moment}${index[2]}`
    left -= count
  }
  return path
}

function plain(yaml: YamlFile): unknown {
  try {
    return yaml.doc.toJS()
  } catch (e) {
    // Aliases that would unfold to millions.
    throw yaml.error(0, (e as Error).message)
  }
}
