/** docs/node-file.md: its example is taken as it stands, and it has each switch that there is. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../packages/cli/src/node/config-file.ts'
import { configOf } from '../../packages/icmpkit/src/runs/node/options.ts'
import {
  errorExtensionSwitches,
  extendedEchoSwitches,
  ip4Switches,
  ip6Switches,
} from '../../packages/icmpkit/src/stack/written-settings.ts'
import type { Reader } from '../../packages/icmpkit/src/stack/written-value.ts'
import { ROOT } from './source.ts'

const TEXT = readFileSync(resolve(ROOT, 'docs/node-file.md'), 'utf8')

/** The rows of the tables below a heading, by their first column. */
function rows(heading: string): string[] {
  const section = TEXT.split(/^## /m).find((s) => s.startsWith(heading))!
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((m) => m[1]!)
}

/** The switches that a reader knows, as it says itself, those of groups behind their group's name. */
function known(reader: Reader<unknown>, ...path: string[]): string[] {
  const nested = (value: unknown) => path.reduceRight((inside, name) => ({ [name]: inside }), value)
  try {
    reader('x', nested({ '?': 1 }), () => -1)
  } catch (e) {
    const names = /there is no such switch; there are (.*)$/.exec((e as Error).message)?.[1]?.split(', ') ?? []
    return names.flatMap((name) => {
      // Limits of messages are written with their two numbers.
      const inside = /[lL]imit(PerSource)?$/.test(name) ? [] : known(reader, ...path, name)
      const whole = inside.length === 0 || name === 'nodeInformation' || path.length > 0
      return whole ? [[...path, name].join('.')] : inside
    })
  }
  return []
}

test.each([
  ['`ip4`', ip4Switches],
  ['`ip6`', ip6Switches],
  ['`errorExtensions`', errorExtensionSwitches],
  ['`extendedEcho`', extendedEchoSwitches],
])('%s has a row for each switch, and no other', (heading, reader) => {
  const inFiles = known(reader as Reader<unknown>).filter((name) => name !== 'permits')
  expect(inFiles.length).toBeGreaterThan(5)
  expect(rows(heading).sort()).toEqual(inFiles.sort())
})

test('entries of lists have a row for each of their words', () => {
  const entries = (list: Record<string, unknown>, reader: Reader<unknown>) => {
    try {
      reader('x', list, () => 1)
    } catch (e) {
      return /there are (.*)$/.exec((e as Error).message)![1]!.split(', ')
    }
    throw new Error('it was taken')
  }
  const port = { port: 'eth1' }
  const prefix = { prefix: '2001:db8::/64', '?': 1 }
  const ofPrefix = entries({ advertise: [{ ...port, prefixes: [prefix] }] }, ip6Switches)
  // The prefix and its length are one text.
  const words = [...entries({ advertise: [{ '?': 1 }] }, ip6Switches), ...ofPrefix.filter((w) => w !== 'prefixLength')]
  expect(rows('An entry of `ip6.advertise`').sort()).toEqual(words.sort())
  const rule = entries({ gateway: { filters: [{ '?': 1 }] } }, ip4Switches)
  expect(rows('A rule of `filters`').sort()).toEqual(rule.sort())
})

test('the example is read, and all of it is in the configuration', () => {
  const directory = mkdtempSync(join(tmpdir(), 'icmpkit-node-file-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'node.yaml')
  writeFileSync(file, /```yaml\n([\s\S]*?)```/.exec(TEXT)![1]!)
  const { options } = readConfig(file)
  const found = options.ports.map((_, i) => ({
    index: i + 1,
    medium: 'ethernet' as const,
    mac: Uint8Array.of(2, 0, 0, 0, 0, i),
    mtu: 1500,
  }))
  const config = configOf('gateway', options, found)
  expect(config.ports.map((p) => [p.name, p.vlan, p.mtu, p.addresses?.length])).toEqual([
    ['eth1', undefined, 1500, 2],
    ['eth2', 10, 1500, 1],
    ['eth3', undefined, 1400, 1],
    ['ik0', undefined, 1500, 1],
  ])
  expect(config.ip4).toMatchObject({ ttl: 128, errorLimit: { rate: 10, burst: 50 } })
  expect(config.ip4?.routes).toHaveLength(3)
  expect(config.ip6?.routes).toHaveLength(1)
  expect(config.ip4?.gateway?.filters).toHaveLength(2)
  expect(config.ip6?.advertise).toMatchObject([{ port: 1, maxIntervalSeconds: 60 }])
  expect(config.extendedEcho).toMatchObject({ enabled: true })
  expect(options.busyPoll).toBe(200)
})
