/**
 * `node dev/count-tests.mjs <file>`: one line that says what a run of the tests came to, from vitest's
 * JSON report. Exits with 1 if a test failed, a file could not be run, or nothing ran. Plain JavaScript: it must speak even
 * where the installation failed and only an old Node is at hand.
 */
import { existsSync, readFileSync } from 'node:fs'

const [, , file] = process.argv
const report = file !== undefined && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
const passed = report.numPassedTests ?? 0
const skipped = (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0)
// A file that fails as a whole, say at an import, has no test to count: it counts as one.
const brokenFiles = (report.testResults ?? []).filter(
  ({ status, assertionResults }) =>
    status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
).length
const failed = (report.numFailedTests ?? 0) + brokenFiles

if (passed + failed === 0) console.log('No test was run.')
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
if (failed > 0 || passed === 0) process.exitCode = 1
