// `node tally.mjs REPORT`: "PASSED FAILED" of vitest's JSON report. A skipped test counts as failed here, where nothing
// that a test needs may be missing; what failed and why is named on stderr.
import { readFileSync } from 'node:fs'

let passed = 0
let failed = 0
try {
  for (const file of JSON.parse(readFileSync(process.argv[2], 'utf8')).testResults) {
    if (file.status === 'failed' && file.assertionResults.length === 0) {
      failed++
      console.error(`failed: ${file.message}`)
    }
    for (const { status, fullName, failureMessages } of file.assertionResults) {
      if (status === 'passed') passed++
      else {
        failed++
        console.error(
          `${status === 'failed' ? 'failed' : 'skipped'}: ${fullName} ${failureMessages?.[0]?.split('\n')[0] ?? ''}`,
        )
      }
    }
  }
} catch {
  failed++
  console.error('failed: the tests left no report')
}
console.log(passed, failed)
