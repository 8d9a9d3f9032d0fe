/** `icmp demo`: what `npm start` shows. Real packets, a real kernel, then a lab, each explained in one line; ends by itself. */
import type { Command } from 'commander'

export function register(program: Command): void {
  program
    .command('demo')
    .description(
      'ping this machine, provoke real ICMP errors from its kernel, then show a simulated network; all explained',
    )
    .option('--json', 'one JSON object a line')
    .allowExcessArguments(false)
    .exitOverride()
    .action(async (options: { json?: true }) => {
      const { run } = await import('./demo/run.ts')
      process.exitCode = await run(options.json === true)
    })
}
