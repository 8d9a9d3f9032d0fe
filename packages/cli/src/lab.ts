/** `icmp lab`: a whole network in one process, in virtual time. What its commands do is in lab/. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from './duration.ts'
import type { RunFlags } from './lab/run.ts'
import type { ShowFlags } from './lab/show.ts'
import type { UpFlags } from './lab/up.ts'

export function register(program: Command): void {
  const command = program
    .command('lab')
    .description('a whole network in one process, no privileges, virtual time')
    .usage('run|up|show|new [options]')
    .exitOverride()
    .addHelpText(
      'after',
      `
  icmp lab new > net.yaml         a network to start from
  icmp lab show net.yaml          what it looks like: picture, addresses, routes
  icmp lab run net.yaml           what happens in it, a line an event
  icmp lab up net.yaml            in real time: ping, mtr, a browser speak to it
  icmp lab run net.yaml --json --pcap net.pcapng`,
    )
  registerRun(command)
  registerUp(command)
  registerShow(command)
  registerNew(command)
}

function registerRun(lab: Command): void {
  const command = sub(lab, 'run <file>', 'run what the file asks, and tell what happens in virtual time')
  command.addHelpText(
    'after',
    `
The same file and seed give the same events, octet by octet, on every machine.
Exit code: 0, 2 where the file or an option is wrong: FILE:LINE:COL: what was wrong and what was expected.`,
  )
  command.addOption(new Option('--json', 'one JSON object a line: what happens, then summary'))
  command.addOption(new Option('--seed <n>', 'instead of the seed of the file').argParser(seed))
  command.addOption(
    new Option('--until <time>', 'end at that virtual time: 10s, 5m, 1h').argParser((text: string) => {
      const ms = parseDuration(text)
      if (ms === undefined) throw new InvalidArgumentError('a time is wanted, as 10s or 5m.')
      return ms
    }),
  )
  command.addOption(new Option('--pcap <out>', 'every packet on every link, as pcapng, with what the lab did to it'))
  command.addOption(new Option('--packets', 'every packet on every link, not only those that something befell'))
  command.addOption(new Option('-v, --verbose', 'what nodes learn as well: neighbours, routers'))
  command.action(async (file: string, flags: RunFlags) => {
    const { run } = await import('./lab/run.ts')
    process.exitCode = await run(file, flags)
  })
}

function registerUp(lab: Command): void {
  const command = sub(lab, 'up <file>', 'bring it up in real time, so that any program of this machine speaks to it')
  command.addHelpText(
    'after',
    `
The kernel becomes one of the nodes, in a network namespace of its own that ends with the lab; node names are known there.
Ctrl-C takes it down and prints what happened; SIGQUIT prints the counters so far. Started by npx or a script of npm, it
ends with that. What a kill -9 leaves, the next one removes.
Exit code: 0, 2 where the file or an option is wrong, or the kernel refuses: this needs CAP_NET_ADMIN and CAP_SYS_ADMIN.

  icmp lab up net.yaml                                    ready: … ip netns exec lab0 ping srv
  icmp lab up net.yaml --at r1 --netns mine --tun wire0
  icmp lab up net.yaml --here                             no namespace: routes to the lab's prefixes only`,
  )
  command.addOption(new Option('--tun <name>', 'name of the interface (lab0); of more links the next numbers'))
  command.addOption(
    new Option('--netns <name|pid>', 'a namespace of that name, made where there is none; else that one').conflicts(
      'here',
    ),
  )
  command.addOption(new Option('--here', 'no namespace of its own: this machine, with routes to the lab’s prefixes'))
  command.addOption(
    new Option('--at <node>', 'the host that this machine is, or a gateway to join it to (the first host)'),
  )
  command.addOption(new Option('--seed <n>', 'instead of the seed of the file').argParser(seed))
  command.addOption(new Option('--json', 'one JSON object a line: ready, what happens, summary'))
  command.addOption(new Option('--pcap <out>', 'every packet on every link, as pcapng, with what the lab did to it'))
  command.addOption(new Option('--packets', 'every packet on every link, not only those that something befell'))
  command.addOption(new Option('-v, --verbose', 'what nodes learn as well: neighbours, routers'))
  command.addOption(
    new Option('-w, --deadline <time>', 'end after this: 10s, 5m').argParser((text: string) => {
      const ms = parseDuration(text)
      if (ms === undefined || ms <= 0) throw new InvalidArgumentError('a time is wanted, as 10s or 5m.')
      return ms
    }),
  )
  command.action(async (file: string, flags: UpFlags) => {
    const { up } = await import('./lab/up.ts')
    process.exitCode = await up(file, flags)
  })
}

function registerShow(lab: Command): void {
  const command = sub(lab, 'show <file>', 'draw the network, and list its addresses and routes')
  command.addOption(
    new Option('--as <form>', 'a picture for the terminal, or source for Mermaid or Graphviz')
      .choices(['text', 'mermaid', 'dot'])
      .default('text'),
  )
  command.addOption(new Option('-v, --verbose', 'addresses in the picture'))
  command.action(async (file: string, flags: ShowFlags) => {
    const { show } = await import('./lab/show.ts')
    process.exitCode = show(file, flags)
  })
}

function registerNew(lab: Command): void {
  const command = sub(lab, 'new [name]', 'print an example network to start from; --list shows which there are')
  command.addOption(new Option('--list', 'the names of the examples, a line each'))
  command.action(async (name: string | undefined, flags: { list?: true }) => {
    const { print } = await import('./lab/new.ts')
    process.exitCode = print(name, flags)
  })
}

function sub(lab: Command, name: string, description: string): Command {
  return lab.command(name).description(description).allowExcessArguments(false).exitOverride()
}

function seed(text: string): number {
  const n = Number(text)
  if (text !== '' && Number.isSafeInteger(n) && n >= 0) return n
  throw new InvalidArgumentError('a whole number is wanted.')
}
