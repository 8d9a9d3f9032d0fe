/** The YAML file of a lab: `FILE:LINE:COL: what was wrong and what was expected`, whoever finds it. */
import { fromText, type Lab, lab, type ScenarioConfig } from 'icmpkit/lab'
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
      const found = /^lab: (?:(.+?): )?(.*)$/s.exec(e instanceof Error ? e.message : '')
      if (found === null || e instanceof ConfigError) throw e
      const [, path = '', what] = found
      throw yaml.error(yaml.placeOf(path), path === '' ? what! : `${path}: ${what}`)
    }
  }
  const config = placed(() => fromText(plain(yaml)))
  return { config, placed, lab: (over) => placed(() => lab({ ...config, ...over })) }
}

function plain(yaml: YamlFile): unknown {
  try {
    return yaml.doc.toJS()
  } catch (e) {
    // Aliases that would unfold to millions.
    throw yaml.error(0, (e as Error).message)
  }
}
