import { expect, test } from 'vitest'
import { ping } from './ping.ts'

test.each([
  [{ family: '4' }, /family is "4"; it must be one of 4, 6/],
  [{ pace: 'fast' }, /pace is "fast"; it must be one of interval, adaptive, flood/],
  [{ dontFragment: true }, /dontFragment is true/],
  [{ door: 'raw' }, /door is "raw"/],
  [{ stamps: 'hardware' }, /stamps is "hardware"/],
  [{ question: { kind: 'redirect' } }, /question\.kind is "redirect"/],
  [{ timestampOption: 'tsonly' }, /timestampOption is "tsonly"/],
  [{ pattern: 'ff' }, /pattern must be a Uint8Array/],
  [{ interval: '1s' }, /interval is 1s; it must be a number/],
  [{ count: Number.NaN }, /count is NaN/],
])('what is no option is refused before anything is opened: %j', (options, words) => {
  expect(() => ping('127.0.0.1', options as never)).toThrow(words)
})

test('targets are strings', () => {
  for (const targets of [[undefined], [null], [5]])
    expect(() => ping(targets as never)).toThrow(/a target must be a string/)
})
