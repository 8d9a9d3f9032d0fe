import type { ListenSummary } from 'icmpkit'
import { expect, test } from 'vitest'
import { summary } from './text.ts'

test('a return whose time has come is told as one that was to be, since nobody says that a program is back', () => {
  const said = (seconds: number) => summary(table(`${Math.floor(Date.now() / 1000) + seconds}.000000000`))
  expect(said(-1)).toMatch(
    /“shop” is offline: a new disk, was to be back at .*\d\d:\d\d:\d\d \(that is over: try it\); last at/,
  )
  expect(said(3600)).toMatch(/“shop” is offline: a new disk, back at .*\d\d:\d\d:\d\d; last at/)
})

function table(backAt: string): ListenSummary {
  return {
    kind: 'summary',
    time: '1795714043.713960667',
    errors: 1,
    notices: 1,
    believed: 1,
    untold: {},
    queueOverflow: 0,
    programs: [
      {
        protocol: 'udp',
        port: 5000,
        program: 'shop',
        state: 'offline',
        reason: 'a new disk',
        trust: 'signed',
        believed: true,
        notices: 1,
        server: '192.0.2.1',
        backAt,
        lastTime: '1795714043.740155563',
      },
    ],
  }
}
