/** `icmp host`: a host in user space on a real interface. What it does is in node/run.ts. */
import type { Command } from 'commander'
import { commonOptions, portOption } from './node/flags.ts'
import type { Flags } from './node/run.ts'

export function register(program: Command): void {
  const command = program
    .command('host')
    .description('be a host in user space: answer, report errors, discover neighbours and routers, exact to the RFCs')
    .usage('--port <iface=addr/len[,addr/len…]> [options]')
    .allowExcessArguments(false)
    .exitOverride()
    .addHelpText(
      'after',
      `
The interface is taken from the kernel and given back exactly as it was, also after kill -9 (but for a link that was
down: it goes down with the next run). Ctrl-C ends it and prints the counters; SIGHUP reads --config anew; SIGQUIT prints the
counters so far.
Exit code: 0, 1 where an address is held by somebody else, 2 where the interface can't be opened or an option is wrong.

  icmp host --port eth1=192.0.2.9/24,2001:db8::9/64 --via 192.0.2.1
  icmp host --port tun:ik0=192.0.2.9/24 --kernel ik0=192.0.2.1/24      then: ping 192.0.2.9
  icmp host --config host.yaml --json`,
    )
  command.addOption(portOption())
  for (const o of commonOptions('host')) command.addOption(o)
  command.action(async (options: Record<string, unknown>) => {
    const { run } = await import('./node/run.ts')
    process.exitCode = await run('host', options as unknown as Flags)
  })
}
