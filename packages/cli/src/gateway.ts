/** `icmp gateway`: a router in user space between real interfaces. What it does is in node/run.ts. */
import { type Command, Option } from 'commander'
import { collect, commonOptions, portOption } from './node/flags.ts'
import type { Flags } from './node/run.ts'

export function register(program: Command): void {
  const command = program
    .command('gateway')
    .description('be a router in user space: forward, report errors, redirect, advertise, exact to the RFCs')
    .usage('--port <iface=addr/len[,…]> --port <…> [--route <prefix=nexthop[%iface]>]… [options]')
    .allowExcessArguments(false)
    .exitOverride()
    .addHelpText(
      'after',
      `
The interfaces are taken from the kernel and given back exactly as they were, also after kill -9 (but for a link that
was down: it goes down with the next run). Ctrl-C ends it and prints the counters; SIGHUP reads --config anew; SIGQUIT prints
the counters so far.
Exit code: 0, 1 where an address is held by somebody else, 2 where an interface can't be opened or an option is wrong.

  icmp gateway --port eth1=192.0.2.1/24 --port eth2=198.51.100.1/24 --route 0.0.0.0/0=198.51.100.254
  icmp gateway --port eth1=2001:db8:1::1/64 --port eth2=2001:db8:2::1/64 --advertise eth1
  icmp gateway --config router.yaml --json`,
    )
  command.addOption(portOption())
  command.addOption(
    new Option(
      '--route <prefix=target>',
      'PREFIX=NEXTHOP[%IFACE], or PREFIX=unreachable, =prohibit, =blackhole; again for more',
    ).argParser(collect),
  )
  command.addOption(
    new Option('--advertise <iface>', 'send router advertisements there (IPv6); again for more').argParser(collect),
  )
  for (const o of commonOptions('gateway')) command.addOption(o)
  command.action(async (options: Record<string, unknown>) => {
    const { run } = await import('./node/run.ts')
    process.exitCode = await run('gateway', options as unknown as Flags)
  })
}
