import { expect, test } from 'vitest'
import { safeJson, safeText } from './safe-text.ts'

/** A title, a colour, a right-to-left override, CSI as one C1 character, a new line, a line separator, a byte-order mark. */
const HOSTILE = '\u001b]0;title\u0007\u001b[31m\u202eevil\u009b31m\r\nfake\u2028\ufeff'
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

test('no text from outside moves the cursor, changes the colour, turns the line round, or ends it', () => {
  expect(safeText(HOSTILE)).not.toMatch(CONTROL)
  expect(safeText('\u001b[31m é 名')).toBe('\\x1b[31m é 名')
  expect(safeText('\u202e')).toBe('\\u{202e}')
})

test('JSON for a terminal says the same as it did, without what a terminal obeys', () => {
  const value = { name: HOSTILE, list: [HOSTILE, 1, null], plain: 'é 名 "quoted" \\' }
  expect(safeJson(value)).not.toMatch(CONTROL)
  expect(JSON.parse(safeJson(value))).toEqual(value)
  expect(safeJson({ plain: 'é 名' })).toBe('{"plain":"é 名"}')
})
