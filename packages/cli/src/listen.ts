/** `icmp listen`: which ICMP errors reach this machine, and which servers say that they are down. It runs in listen/run.ts. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from './duration.ts'
import type { Flags } from './listen/run.ts'

export function register(program: Command): void {
  const command = program
    .command('listen')
    .description(
      'hear the ICMP errors that reach this machine: which program they hit, and which outages servers tell of',
    )
    .usage('[--notices] [--key <file>]… [options]')
    .allowExcessArguments(false)
    .exitOverride()
    .addHelpText(
      'after',
      `
A notice says that a program on a server has stopped (icmp notify serve sends them). Anybody who knows a flow can forge one:
each line says who signed it, and what speaks for it and against it. A notice is "signed" (by a key of --key), "unsigned", or
"refused" (a wrong signature, a replay, a damaged object). An error without a notice is shown as what it is.

It only listens, and needs CAP_NET_RAW; to name the programs of other users, CAP_SYS_PTRACE; for --close, CAP_NET_ADMIN. Root
has all three, and keeps them while it runs. Ctrl-C ends it and prints the table by program; SIGQUIT prints the table so far,
SIGHUP reads the key files anew.
Exit code: 0, 1 where --count was not reached, 2 where no socket can be opened or an option is wrong.

  icmp listen
  icmp listen --notices --key /etc/icmpkit/notices.key
  icmp listen --notices --json --webhook https://example.net/outage`,
    )
  const collect = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text]
  command.addOption(new Option('--notices', 'only notices of outages, and errors that hit a live flow of this machine'))
  command.addOption(
    new Option('--key <file>', 'keys that may sign notices (icmp notify key makes one); again for more').argParser(
      collect,
    ),
  )
  command.addOption(
    new Option(
      '--believe <what>',
      'signed: only by a known key; flow: also unsigned, where quote, sender and sequence number speak for it',
    )
      .choices(['signed', 'flow'])
      .default('signed'),
  )
  command.addOption(
    new Option(
      '--close [whose]',
      'end the connection that a notice is about, at once: signed (and believed), or any that is not refused; whoever guesses a flow can end it then',
    )
      .choices(['signed', 'any'])
      .preset('signed'),
  )
  command.addOption(
    new Option('--webhook <url>', 'POST each believed notice there as JSON').argParser((text: string) => {
      const url = URL.canParse(text) ? new URL(text) : undefined
      if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
        throw new InvalidArgumentError('it must begin with http:// or https://')
      }
      return text
    }),
  )
  command.addOption(new Option('--webhook-all', 'POST those that are not believed as well'))
  command.addOption(new Option('--netns <name|pid>', 'listen in that network namespace'))
  command.addOption(new Option('--json', 'one JSON object a line: ready, notice, error, summary'))
  command.addOption(new Option('-v, --verbose', 'the meaning of each error, all that speaks for and against a notice'))
  command.addOption(
    new Option('-c, --count <n>', 'end after so many notices and errors').argParser((text: string) => {
      const n = Number(text)
      if (!/^\d+$/.test(text) || n < 1) throw new InvalidArgumentError('a whole number from 1 on is wanted.')
      return n
    }),
  )
  command.addOption(
    new Option('-w, --deadline <time>', 'end after this: 10s, 5m').argParser((text: string) => {
      const ms = parseDuration(text)
      if (ms === undefined || ms <= 0) throw new InvalidArgumentError('a time is wanted, as 10s or 5m.')
      return ms
    }),
  )
  command.action(async (options: Record<string, unknown>) => {
    const { run } = await import('./listen/run.ts')
    process.exitCode = await run(options as unknown as Flags)
  })
}
