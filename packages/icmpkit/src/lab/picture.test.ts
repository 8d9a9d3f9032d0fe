import fc from 'fast-check'
import { expect, test } from 'vitest'
import { picture } from './picture.ts'
import type { LabConfig, LinkData } from './topology.ts'

const net = (nodes: string, links: readonly (readonly (string | LinkData)[])[]): LabConfig => ({
  nodes: Object.fromEntries(nodes.split(' ').map((n) => [n, n.startsWith('r') ? 'gateway' : 'host'])),
  links,
})
const drawn = (text: string) =>
  text
    .split('\n')
    .slice(1, -1)
    .map((l) => l.slice(2).trimEnd())
    .join('\n')

test('a line of nodes is drawn from left to right, with what its links do', () => {
  const config = net('me r1 r2 srv', [
    ['me', 'r1'],
    ['r1', 'r2', { delay: 5, jitter: 1, loss: 0.01, mtu: 1400 }],
    ['r2', 'srv'],
  ])
  expect(`${picture(config).trimEnd()}`).toBe(
    drawn(`
  ┌────┐   ╭────╮                               ╭────╮   ┌─────┐
  │ me ├───┤ r1 ├─ 5ms ±1ms, 1% lost, mtu 1400 ─┤ r2 ├───┤ srv │
  └────┘   ╰────╯                               ╰────╯   └─────┘
`),
  )
})

test('two ways are two lines, and a way between nodes of one layer goes out and back', () => {
  const config = net('me r1 r2 r3 srv', [
    ['me', 'r1'],
    ['r1', 'r2'],
    ['r1', 'r3'],
    ['r3', 'r2'],
    ['r2', 'srv'],
  ])
  expect(picture(config).trimEnd()).toBe(
    drawn(`
  ┌────┐   ╭────╮      ╭────╮      ┌─────┐
  │ me ├───┤ r1 ├──────┤ r2 ├──────┤ srv │
  └────┘   │    ├───╮  │    ├───╮  └─────┘
           ╰────╯   │  ╰────╯   │
                    │           │
                    │  ╭────╮   │
                    ╰──┤ r3 ├───╯
                       ╰────╯
`),
  )
})

test('a switched segment has a double line, and its members hang on it', () => {
  expect(picture(net('ann bob r1', [['ann', 'bob', 'r1', { name: 'lan', delay: 0.2 }]])).trimEnd()).toBe(
    drawn(`
  ┌─────┐   ╔═══════╗      ┌─────┐
  │ ann ├───╢ lan   ╟──────┤ bob │
  └─────┘   ║ 200us ╟───╮  └─────┘
            ╚═══════╝   │
                        │  ╭─────╮
                        ╰──┤ r1  │
                           ╰─────╯
`),
  )
})

test('what is wider than the terminal goes on in a band below, that begins with where the last one ended', () => {
  const config = net('a r1 r2 r3', [
    ['a', 'r1'],
    ['r1', 'r2', { delay: 5 }],
    ['r2', 'r3'],
  ])
  expect(picture(config, { width: 30 }).trimEnd()).toBe(
    drawn(`
  ┌───┐   ╭────╮       ╭────╮
  │ a ├───┤ r1 ├─ 5ms ─┤ r2 │
  └───┘   ╰────╯       ╰────╯

  ╭─────╮   ╭────╮
  │ …r2 ├───┤ r3 │
  ╰─────╯   ╰────╯
`),
  )
})

test('addresses stand in the boxes when they are asked for', () => {
  expect(picture(net('a b', [['a', 'b']]), { addresses: true }).trimEnd()).toBe(
    drawn(`
  ┌────────────────┐   ┌────────────────┐
  │ a              │   │ b              │
  │ 10.0.0.1/24    ├───┤ 10.0.0.2/24    │
  │ 2001:db8::1/64 │   │ 2001:db8::2/64 │
  └────────────────┘   └────────────────┘
`),
  )
})

test('a large network, or a terminal too narrow for two boxes, gets a list', () => {
  expect(picture(net('a b', [['a', 'b']]), { width: 12 })).toBe('a (host): b\nb (host): a\n')
  const many = Array.from({ length: 80 }, (_, i) => `n${i}`)
  const star = picture(
    net(
      many.join(' '),
      many.slice(1).map((n) => ['n0', n]),
    ),
  )
  expect(star.split('\n').some((l) => l.length > 80)).toBe(false)
  expect(star).toMatch(/^n0 \(host\): n1, n2,/)
})

test('Mermaid and Graphviz get the same nodes and links, by numbers, so that no name is a word of theirs', () => {
  const config = net('end r1', [['end', 'r1', { delay: 5 }]])
  expect(picture(config, { as: 'mermaid' })).toBe('graph LR\n  n0["end"]\n  n1("r1")\n  n0 ---|"5ms"| n1\n')
  expect(picture(config, { as: 'dot', addresses: true })).toBe(
    [
      'graph lab {',
      '  rankdir=LR',
      '  n0 [label="end\\n10.0.0.1/24\\n2001:db8::1/64", shape=box]',
      '  n1 [label="r1\\n10.0.0.2/24\\n2001:db8::2/64", shape=box, style=rounded]',
      '  n0 -- n1 [label="5ms"]',
      '}\n',
    ].join('\n'),
  )
})

test('a name ends no string of Mermaid or Graphviz', () => {
  const config: LabConfig = { nodes: { 'a"]': 'host', b: 'host' }, links: [['a"]', 'b']] }
  expect(picture(config, { as: 'mermaid' })).toContain('n0["a#34;]"]')
  expect(picture(config, { as: 'dot' })).toContain('n0 [label="a\\"]", shape=box]')
})

/** Follows each line of a picture from box to box: the pairs that it joins. */
function joined(text: string): string[] {
  const rows = text.split('\n').map((l) => [...l])
  const at = (x: number, y: number) => rows[y]?.[x] ?? ' '
  const nameAt = (x: number, y: number, step: 1 | -1) => {
    // Up to the border with the box's corner, then the name in the rows below.
    let top = y
    while (!'┌┐╭╮╔╗'.includes(at(x, top))) top--
    let left = x
    while (step === -1 && !'┌╭╔'.includes(at(left, top))) left--
    for (let row = top + 1; row < rows.length; row++) {
      const found = /^[ …]*([a-z]\w*)/.exec(rows[row]!.slice(left + 1).join(''))
      if (found !== null) return found[1]!
    }
    return '?'
  }
  const pairs: string[] = []
  for (const [y, row] of rows.entries()) {
    for (const [x, char] of row.entries()) {
      if (char !== '├' && char !== '╟') continue
      const from = nameAt(x, y, -1)
      let [cx, cy, dx, dy] = [x, y, 1, 0]
      for (;;) {
        cx += dx
        cy += dy
        const here = at(cx, cy)
        if (here === '┤' || here === '╢') {
          pairs.push([from, nameAt(cx, cy, 1)].sort().join('-'))
          break
        }
        if (here === '├' || here === '╟') {
          pairs.push([from, nameAt(cx, cy, -1)].sort().join('-'))
          break
        }
        if (here === '╮') [dx, dy] = dx === 1 ? [0, 1] : [-1, 0]
        else if (here === '╯') [dx, dy] = dx === 1 ? [0, -1] : [-1, 0]
        else if (here === '╰' || here === '╭') [dx, dy] = [1, 0]
        else if (!'─│┼'.includes(here)) throw new Error(`a line ends at ${cx},${cy}: '${here}'\n${text}`)
      }
    }
  }
  return pairs
}

test('whoever follows the lines of a picture finds the links of the network, and no line is wider than the terminal', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 10 }),
      fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 16 }),
      fc.integer({ min: 40, max: 120 }),
      (count, ends, width) => {
        const names = Array.from({ length: count }, (_, i) => `${i % 2 === 0 ? 'h' : 'r'}${i}`)
        const pairs = ends.map(([a, b]) => [names[a % count]!, names[b % count]!]).filter(([a, b]) => a !== b)
        const links = [...new Set<string>(pairs.map((p) => p.sort().join('-')))].map((p) => p.split('-'))
        const text = picture(net(names.join(' '), links), { width })
        expect(text.split('\n').every((l) => [...l].length <= width)).toBe(true)
        if (text.includes('(host):')) return
        // A link within a layer is met from both of its ends.
        expect([...new Set<string>(joined(text))].sort()).toEqual(links.map((l) => [...l].sort().join('-')).sort())
      },
    ),
    { numRuns: 300 },
  )
})

test('a line within a layer and one to the next do not meet in a row', () => {
  const pairs = ['h0-h4', 'h4-r1', 'h0-r1', 'h4-r5', 'h0-r5', 'h0-r3', 'h2-r3', 'h4-h6', 'h2-r1']
  const text = picture(
    net(
      'h0 r1 h2 r3 h4 r5 h6',
      pairs.map((p) => p.split('-')),
    ),
    { width: 40 },
  )
  expect([...new Set<string>(joined(text))].sort()).toEqual(pairs.sort())
})
