/** Text from outside (names, extension octets, capture comments) made fit for a terminal, a table or a log line. */

/** Control characters, C1 controls, bidi overrides and line separators become `\xNN` / `\u{…}`; the rest is kept. */
export function safeText(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu, (c) => {
    const code = c.codePointAt(0)!
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}
