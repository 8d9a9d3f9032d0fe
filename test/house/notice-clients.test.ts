/** docs/notices-clients.md says of each code what the kernel tests expect; `UPDATE=1` writes it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ROWS } from '../kernel/notice-client-table.ts'

const PAGE = fileURLToPath(new URL('../../docs/notices-clients.md', import.meta.url))
const BEGIN = /^<!-- the table: .*-->\n/m
const END = '<!-- end of the table -->'

function table(): string {
  const told = (yes: boolean, no: string) => (yes ? '**told**' : no)
  const lines = ROWS.map(({ family, type, code, name, errno, udp, connecting, established }) =>
    [
      `IPv${family} ${type}/${code}`,
      name,
      errno,
      told(udp, 'nothing'),
      told(connecting, 'nothing: it goes on trying'),
      established ? 'told' : 'nothing',
    ].join(' | '),
  )
  const head = 'code | unreachable: | errno | UDP, connected | TCP connecting | TCP established, IP_RECVERR'
  return [head, '---|---|---|---|---|---', ...lines].map((l) => `| ${l} |\n`).join('')
}

test('docs/notices-clients.md has the table that the kernel tests hold', () => {
  const page = readFileSync(PAGE, 'utf8')
  const [before, after] = [page.split(BEGIN)[0], page.split(END)[1]]
  const whole = `${before}${BEGIN.exec(page)?.[0]}${table()}${END}${after}`
  if (process.env.UPDATE === '1') writeFileSync(PAGE, whole)
  expect(readFileSync(PAGE, 'utf8')).toBe(whole)
})
