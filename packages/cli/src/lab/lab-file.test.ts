import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConfigError } from '../yaml-place.ts'
import { parseLab } from './lab-file.ts'

const NET = `seed: 1
nodes:
  me: host
  r1: gateway
  r2: gateway
  r3: gateway
  srv: { kind: host, udp: [53] }
links:
  - [me, r1]
  - [r1, r2, { delay: 5ms }]
  - [r2, r3]
  - [r3, srv]
at:
  2s: { down: [r1, r2] }
  3s:
    - { up: [r1, r2] }
    - { down: me }
tunnels:
  - { path: [r1, r2, r3], mode: explicit }
ask:
  - { from: me, to: srv }
`

/** The one line that is said of the network, read and made. */
function said(text: string): string {
  try {
    parseLab('net.yaml', text).lab()
    return 'nothing'
  } catch (e) {
    expect(e).toBeInstanceOf(ConfigError)
    expect((e as Error).message).not.toContain('\n')
    return (e as Error).message
  }
}

test('a network that is right is made', () => {
  expect(said(NET)).toBe('nothing')
})

test.each([
  [
    'an unknown node',
    '  - [me, r1]',
    '  - [me, r9]',
    "9:10: links[0][1]: there is no node 'r9'; expected me, r1, r2, r3, srv",
  ],
  [
    'a link to itself',
    '  - [me, r1]',
    '  - [me, me]',
    "9:10: links[0][1]: 'me' is on this link already; expected another node",
  ],
  [
    'a loop of tunnels',
    '[r1, r2, r3], mode',
    '[r1, r2, r1], mode',
    "19:22: tunnels[0]: path[2]: 'r1' again: a tunnel has no loop",
  ],
  [
    'a tunnel through nothing',
    '[r1, r2, r3], mode',
    '[r1, r3, r2], mode',
    "19:18: tunnels[0]: path[1]: no Ethernet link joins 'r1' and 'r3'",
  ],
  [
    'overlapping prefixes',
    '{ delay: 5ms }',
    '{ delay: 5ms, addresses: { r1: [10.0.0.1/23] } }',
    "10:41: links[1]: addresses: r1: 10.0.0.1/23 overlaps 10.0.0.1/24 of link 'me-r1'; expected prefixes that no other link has",
  ],
  [
    'a missing unit',
    'delay: 5ms',
    'delay: 5',
    '10:16: links[1][2].delay: 5 has no unit; expected a time, as 5ms, 1.5s or 2m',
  ],
  ['a moment without a unit', '  2s:', '  2:', '14:3: at.2: 2 has no unit; expected a time, as 5ms, 1.5s or 2m'],
  ['a word that is none', 'delay: 5ms', 'dealy: 5ms', '10:16: links[1][2].dealy: no such word; expected delay, jitter'],
  [
    'a node that is two',
    '  r1: gateway',
    '  r1: gateway\n  r1: host',
    '5:3: r1: there already; expected each name once',
  ],
  [
    'a link that is two',
    '  - [r2, r3]',
    '  - [r1, r2]',
    "11:5: links[2]: a second link is called 'r1-r2': give it a name",
  ],
  [
    'a switch that is none',
    '  r2: gateway',
    '  r2: { kind: gateway, ip4: { errorLimit: { rat: 1 } } }',
    '5:45: nodes.r2.ip4.errorLimit.rat: there is no such switch; there are burst, rate',
  ],
  [
    'a switch of another kind',
    '  r2: gateway',
    '  r2: { kind: gateway, ip6: { hopLimit: many } }',
    '5:31: nodes.r2.ip6.hopLimit: "many" is not a number',
  ],
  [
    'a port that a node does not have',
    '  r2: gateway',
    '  r2: { kind: gateway, ip4: { noTimeExceeded: [eth1, eth2] } }',
    '5:54: nodes.r2.ip4.noTimeExceeded[1]: there is no port eth2',
  ],
  [
    'a switch that is turned neither on nor off',
    '  r2: gateway',
    '  r2: { kind: gateway, extendedEcho: maybe }',
    "5:24: nodes.r2.extendedEcho: 'maybe'; expected true or false",
  ],
  [
    'a change of what is not there',
    'down: me',
    'down: you',
    "17:9: at[2].down: there is no link or node 'you'; expected me-r1, r1-r2, r2-r3, r3-srv, or a node",
  ],
  [
    'a change of no link',
    '2s: { down: [r1, r2] }',
    '2s: { down: [r1, r3] }',
    "14:9: at[0].down: no link joins 'r1' and 'r3'; expected me-r1, r1-r2, r2-r3, r3-srv",
  ],
  [
    'a next hop that is none',
    '  r2: gateway',
    '  r2: { kind: gateway, routes: { 192.0.2.0/24: r9 } }',
    "5:34: nodes.r2.routes.192.0.2.0/24: 'r9' is no next hop; expected an IPv4 address on a link of it, a neighbour's name",
  ],
  [
    'a next hop that is no neighbour',
    '  r2: gateway',
    '  r2: { kind: gateway, routes: { 192.0.2.0/24: srv } }',
    "5:34: nodes.r2.routes.192.0.2.0/24: no link joins 'r2' and 'srv'; expected a neighbour",
  ],
  [
    'a program of nobody',
    '    - { down: me }',
    '    - { serve: { you: { udp: [53] } } }',
    "17:18: at[2].serve.you: there is no node 'you'; expected me, r1, r2, r3, srv",
  ],
  [
    'a port that is none',
    '    - { down: me }',
    '    - { serve: { me: { udp: [0] } } }',
    "17:30: at.3s[1].serve.me.udp[0]: '0'; expected a port: a whole number, 1 to 65535",
  ],
  [
    'a route that changes to what is not there',
    '    - { down: me }',
    '    - { routes: { r2: { 192.0.2.0/24: 10.0.9.9 } } }',
    "17:25: at[2].routes.r2.192.0.2.0/24: no port of it leads to '10.0.9.9'; expected an address on a link of it",
  ],
])('%s is one line with its place and what was expected', (_, right, wrong, line) => {
  expect(NET).toContain(right)
  const message = said(NET.replace(right, wrong))
  expect(message.slice(0, `net.yaml:${line}`.length)).toBe(`net.yaml:${line}`)
})

test('what the reader of YAML says is short and fit for a terminal, whatever is in the file', () => {
  const message = said(`nodes: { a: host }\n"\u001b[31m\u009b${'x'.repeat(1_000_000)}`)
  expect(message).toMatch(/^net\.yaml:\d+:\d+: /)
  expect(message.length).toBeLessThan(600)
  expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  expect(said('nodes: { "\u001b[31mred": host }')).toMatch(/'\\x1b\[31mred'; expected a name/)
})

test('a file that is cut off in the middle of something is refused in one line with its place', () => {
  for (let end = 0; end < NET.length; end += 7) {
    const message = said(NET.slice(0, end))
    if (message !== 'nothing') expect(message).toMatch(/^net\.yaml:\d+:\d+: \S/)
  }
  expect(said(NET.slice(0, NET.indexOf('delay')))).toBe(
    'net.yaml:10:16: Flow map in block collection must be sufficiently indented and end with a }',
  )
  expect(said(NET.slice(0, NET.indexOf('links')))).toBe('net.yaml:1:1: there are no links; expected links: [[me, r1]]')
})

test('whatever is typed into a file is read or refused at a place in it: no other error comes out', () => {
  const piece = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    ':',
    ',',
    '-',
    '&a',
    '*a',
    '!',
    '%',
    '0',
    '-1',
    '1e99',
    'null',
    'r1',
    ' ',
    '\n',
    '\u0000',
    '"',
    '|',
    '<<: *a',
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(NET.length), fc.nat(6), piece), { minLength: 1, maxLength: 4 }), (edits) => {
      let text = NET
      for (const [at, gone, put] of edits) text = text.slice(0, at) + put + text.slice(at + gone)
      const message = said(text)
      if (message !== 'nothing') expect(message).toMatch(/^net\.yaml:\d+:\d+: \S/)
    }),
    { numRuns: 500 },
  )
})

const PAGE = readFileSync(resolve(import.meta.dirname, '../../../../docs/lab-file.md'), 'utf8')

test('the example on the page about the file is a network', () => {
  for (const [, text] of PAGE.matchAll(/```yaml\n(.*?)```/gs)) expect(said(text!)).toBe('nothing')
})

test.each([
  ['at the top', 'x: 1'],
  ['of a node', NET.replace('kind: host', 'x: 1')],
  ['of a link', NET.replace('delay: 5ms', 'x: 1')],
  ['of `at`', NET.replace('down: me', 'x: 1')],
  ['of `ask`', NET.replace('from: me', 'x: 1')],
  ['of `behaviours`', NET.replace('kind: host', 'kind: host, behaviours: { x: 1 }')],
  ['of a NAT', NET.replace('kind: host', 'kind: host, behaviours: { nat: { x: 1 } }')],
  ['of bursts', NET.replace('delay: 5ms', 'burstLoss: { x: 1 }')],
  ['of a tunnel', NET.replace('mode: explicit', 'x: 1')],
])('each word %s is on the page about the file', (_, text) => {
  const words = said(text).split('x: no such word; expected ')[1]!.split(', ')
  expect(words.length).toBeGreaterThan(1)
  for (const w of words) expect(PAGE, w).toMatch(new RegExp(`[\`{ ,]${w}[\`:]`))
})
