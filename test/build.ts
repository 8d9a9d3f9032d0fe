import { execFileSync } from 'node:child_process'

/** Tests that spawn `icmp` must meet the sources as they are: build before the first test. */
export default function setup(): void {
  if (process.env.ICMPKIT_BUILT === '1') return
  execFileSync('npm', ['run', '-s', 'build'], { stdio: 'inherit' })
}
