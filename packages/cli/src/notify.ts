/** `icmp notify`: tell the workstations of a program that it goes offline. `serve` runs in notify/serve.ts, the operator's part in notify/operator.ts. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { NoticeProgram } from 'icmpkit'
import { parseDuration } from './duration.ts'
import type { OperatorFlags } from './notify/operator.ts'
import { parseProgram } from './notify/program-flag.ts'
import type { Flags } from './notify/serve.ts'

export function register(program: Command): void {
  const notify = program
    .command('notify')
    .description('tell every connected workstation when a program goes offline')
    .exitOverride()
    .usage('serve|offline|drain|back|status|key [options]')
  serve(notify)
  for (const what of ['offline', 'drain'] as const) outage(notify, what)
  operator(notify.command('back <program>').description('the program may be used again'))
  const status = notify.command('status').description('programs, workstations and counters')
  status.addOption(new Option('--prometheus', 'as a Prometheus text page').conflicts('json'))
  operator(status)
  key(notify)
}

function serve(notify: Command): void {
  const command = notify
    .command('serve')
    .description('watch programs, and tell their workstations when they go offline')
    .usage('--program <name>=udp|tcp/<port>… [options]')
    .allowExcessArguments(false)
    .exitOverride()
    .addHelpText(
      'after',
      `
It sees which workstations talk to the programs, and when a program is killed, closes its socket, hangs (with a probe) or is
taken offline by the operator, each of them gets one ICMP "destination unreachable" about a datagram of its own. Connected
UDP sockets and connecting TCP ones get the error at once; an established TCP connection of an ordinary program does not
(see docs/notices.md). Only workstations that were answered and spoke again are told: a forged source never is.

A program: dns=udp/53  web=tcp/80,probe=http:/healthz,grace=1s,reset  with the words pid, unit, probe (udp[:payload], dns,
tcp, http[:/path]), every, timeout, failures, at, grace, code, message, back-in, reset, elicit; or the same in a YAML file.

It needs CAP_NET_RAW; draining and resets need CAP_NET_ADMIN, so it keeps what it has (as a service: a User= of its own with
AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN), or gives all up with --drop-rights. Ctrl-C ends it and prints the summary; SIGHUP reads
--config anew; SIGQUIT prints the counters so far. Exit code: 0, or 2 where it cannot run or an option is wrong.

  icmp notify serve --program dns=udp/53 --program web=tcp/80,reset
  icmp notify serve --config /etc/icmpkit/notify.yaml --key /etc/icmpkit/notices.secret --json
  icmp notify offline dns --reason "moving house" --back-at 10m`,
    )
  const options = [
    new Option('--program <name=udp/port>', 'a program to watch; again for more').argParser(program),
    new Option('--config <file>', 'read programs from a YAML file; SIGHUP reads it anew'),
    new Option('--grace <time>', 'how long nobody may hold its port before that is an outage (250ms)').argParser(time),
    new Option(
      '--code <word>',
      'the error: port unreachable (the default), or prohibited by the administrator',
    ).choices(['port', 'admin']),
    new Option('--message <text>', 'the reason that is told where the operator gives none'),
    new Option('--back-in <time>', 'when a program is expected back, after an outage begins').argParser((t: string) =>
      Math.round(time(t) / 1000),
    ),
    new Option('--reset', 'also end TCP connections with a reset'),
    new Option('--no-elicit', 'send no TCP acknowledgements that ask workstations for their sequence numbers'),
    new Option('--key <file>', 'sign every notice (icmp notify key makes the file)'),
    new Option('--rate <n>', 'notices a second (100000)').argParser(number),
    new Option('--burst <n>', 'notices at once after a rest (1000)').argParser(number),
    new Option('--per-address-rate <n>', 'the same to one address (20000)').argParser(number),
    new Option('--per-address-burst <n>', 'the same to one address (2000)').argParser(number),
    new Option('--freshness <time>', 'workstations silent for longer are not told (120s)').argParser(time),
    new Option('--repeat <time>', 'tell those that stay silent once more after this (1s)').argParser(time),
    new Option('--no-repeat', 'tell everybody once'),
    new Option('--table <n>', 'workstations of a program and family that are known at most (1048576)').argParser(
      number,
    ),
    new Option('--socket <path>', 'where the operator asks, or none'),
    new Option('--state <file>', 'where states and workstations outlive a restart, or none'),
    new Option('--metrics <addr:port>', 'also answer Prometheus there, over HTTP').argParser(address),
    new Option('--netns <name|pid>', 'the programs are in that network namespace'),
    new Option(
      '--drop-rights',
      'give up all rights once it watches: no drain by a rule, no reset, no state that root owns',
    ),
    new Option('--json', 'one JSON object a line: ready, suspect, outage, back, summary'),
    new Option('-q, --quiet', 'only the first lines and the summary'),
    new Option('-w, --deadline <time>', 'end after this: 10s, 5m').argParser(time),
  ]
  for (const o of options) command.addOption(o)
  command.action(async (flags: Record<string, unknown>) => {
    const { run } = await import('./notify/serve.ts')
    // commander's default of --no-repeat is true: nothing was said.
    if (flags.repeat === true) delete flags.repeat
    process.exitCode = await run(flags as unknown as Flags)
  })
}

function outage(notify: Command, what: 'offline' | 'drain'): void {
  const command = notify
    .command(`${what} <program>`)
    .description(
      what === 'offline'
        ? 'tell its workstations that the program is taken offline'
        : 'let nobody new in, and tell the workstations that are there',
    )
  command.addOption(new Option('--reason <text>', 'told to them: 64 octets at most'))
  command.addOption(
    new Option(
      '--back-at <when>',
      'when it is expected back: 10m, 18:00, 2026-12-24T18:00Z, or seconds since 1970',
    ).argParser(moment),
  )
  operator(command)
}

/** What the commands of an operator share. */
function operator(command: Command): void {
  command.allowExcessArguments(false).exitOverride()
  command.addOption(new Option('--socket <path>', 'of icmp notify serve'))
  command.addOption(new Option('--netns <name|pid>', 'icmp notify serve is in that network namespace'))
  command.addOption(new Option('--json', 'the answer as one JSON object'))
  command.action(async (...args: unknown[]) => {
    const { ask } = await import('./notify/operator.ts')
    const named = typeof args[0] === 'string'
    const flags = args[named ? 1 : 0] as OperatorFlags
    process.exitCode = await ask(command.name() as 'offline', named ? (args[0] as string) : undefined, flags)
  })
}

function key(notify: Command): void {
  const command = notify
    .command('key <file>')
    .description('make a key that signs notices; of Ed25519 also FILE.pub, for the workstations')
    .allowExcessArguments(false)
    .exitOverride()
  command.addOption(
    new Option(
      '--algorithm <which>',
      'ed25519: workstations cannot forge; hmac: one secret for all, bound to each flow',
    )
      .choices(['ed25519', 'hmac'])
      .default('ed25519'),
  )
  command.addOption(new Option('--who <text>', 'whose it is, for people').default(''))
  command.action(async (file: string, flags: { algorithm: 'ed25519' | 'hmac'; who: string }) => {
    const { writeKey } = await import('./notify/key.ts')
    process.exitCode = writeKey(file, flags)
  })
}

function program(text: string, before: NoticeProgram[] | undefined): NoticeProgram[] {
  return [...(before ?? []), said(() => parseProgram(text))]
}

function said<T>(fn: () => T): T {
  try {
    return fn()
  } catch (e) {
    throw new InvalidArgumentError(`${(e as Error).message}.`)
  }
}

function time(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('a time is wanted, as 250ms or 10s.')
  return ms
}

function number(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('a whole number from 1 on is wanted.')
  return Number(text)
}

/** Seconds since 1970. */
function moment(text: string): number {
  if (/^\d{9,}$/.test(text)) return Number(text)
  const clock = /^(\d{1,2}):(\d{2})$/.exec(text)
  if (clock !== null && Number(clock[1]) < 24 && Number(clock[2]) < 60)
    return nextTime(Number(clock[1]), Number(clock[2]))
  const ms = parseDuration(text)
  const at = ms === undefined ? Date.parse(text) : Date.now() + ms
  if (Number.isNaN(at))
    throw new InvalidArgumentError('a time is wanted: 10m, 18:00, 2026-12-24T18:00Z, or seconds since 1970.')
  return Math.round(at / 1000)
}

/** Seconds since 1970 of the next time that clocks here show that. */
function nextTime(hours: number, minutes: number): number {
  const at = new Date()
  const now = at.getTime()
  at.setHours(hours, minutes, 0, 0)
  if (at.getTime() <= now) at.setDate(at.getDate() + 1)
  return Math.round(at.getTime() / 1000)
}

function address(text: string): { host: string; port: number } {
  const m = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (m === null) throw new InvalidArgumentError('it must read ADDRESS:PORT, as 127.0.0.1:9100 or [::1]:9100.')
  return { host: m[1] ?? m[2]!, port: Number(m[3]) }
}
