/**
 * `node dev/count-tests.mjs <file>…`: one line that says what the runs of the tests came to, from vitest's
 * JSON reports. Exits with 1 if a test failed, a file could not be run, or one of the runs ran nothing. Plain
 * JavaScript: it must speak even where the installation failed and only an old Node is at hand.
 */
import { existsSync, readFileSync } from 'node:fs'

const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})
const reports = process.argv.slice(2).map(read)

// A file that fails as a whole, say at an import, has no test to count: it counts as one.
const brokenFiles = ({ testResults = [] }) =>
  testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  ).length
const sum = (count) => reports.reduce((total, report) => total + count(report), 0)
const passed = sum(({ numPassedTests = 0 }) => numPassedTests)
const skipped = sum(({ numPendingTests = 0, numTodoTests = 0 }) => numPendingTests + numTodoTests)
const failed = sum((report) => (report.numFailedTests ?? 0) + brokenFiles(report))
const empty = reports.filter((report) => !(report.numPassedTests > 0 || report.numFailedTests > 0))

if (passed + failed === 0) console.log('No test was run.')
else if (empty.length > 0) console.log(`${empty.length} of ${reports.length} runs ran no test.`)
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
if (failed > 0 || empty.length > 0 || reports.length === 0) process.exitCode = 1
