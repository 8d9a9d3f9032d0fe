/** `node test/lab/digest.ts NETWORKS`: a line for each random network, the digest of its packets and how many they are. */
import { randomNetwork, traceOf } from './random-network.ts'

let lines = ''
for (let n = 0; n < Number(process.argv[2]); n++) {
  const { digest, packets } = traceOf(randomNetwork(n))
  lines += `${digest} ${packets}\n`
}
process.stdout.write(lines)
