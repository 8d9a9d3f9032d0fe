/** Text from outside (names, extension octets, capture comments) made fit for a terminal, a table or a log line. */

/** Control characters, C1 controls, bidi overrides and line separators become `\xNN` / `\u{…}`; the rest is kept. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (c) => {
    const code = c.charCodeAt(0)
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/** JSON for a line that a terminal may show as well: the same value, with `\uNNNN` for what JSON would leave as it is. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
