/**
 * `npm run plot:revocation`: measures how long requests are accepted after a logout (as `npm run
 * measure:revocation` does) and draws it, in docs/revocation.svg.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawRevocation } from './revocation-plot.ts'
import type { Lags } from './revocation-plot.ts'
import { projectRoot } from './settings.ts'

/** The first series: KV that takes every write. */
function measure(): Lags {
  const test = 'test/core/revocation/late-kv.test.ts'
  const { stdout, stderr } = spawnSync(
    join(projectRoot, 'node_modules/.bin/vitest'),
    ['run', '--project', 'gateway', '--silent=false', '--testTimeout=600000', test],
    { cwd: projectRoot, encoding: 'utf8', env: { ...process.env, TEST_SERIES: '1' } },
  )
  const series = /^series (.*)$/m.exec(stdout)?.[1]
  if (series === undefined) throw new Error(`nothing was measured:\n${stdout}${stderr}`)
  return (JSON.parse(series) as { lags: Lags }).lags
}

writeFileSync(join(projectRoot, 'docs/revocation.svg'), drawRevocation(measure()))
