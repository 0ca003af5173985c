/**
 * `npm run check:deploy`: builds what would be deployed, for development and for production, without
 * deploying it, and fails if it has grown past the ceiling. A small bundle is a quick cold start.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { projectRoot } from './settings.ts'

const ceilingKibibytes = 210

/** Size of the minified script, gzipped, in KiB. Throws with wrangler's words if it does not build. */
function bundleSize(environment: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bundle-'))
  try {
    const { status, stdout, stderr } = spawnSync(
      join(projectRoot, 'node_modules/.bin/wrangler'),
      ['deploy', '--dry-run', '--minify', `--env=${environment}`, `--outdir=${folder}`],
      {
        cwd: projectRoot,
        encoding: 'utf8',
        env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' },
      },
    )
    if (status !== 0) throw new Error(`wrangler deploy --dry-run failed:\n${stdout}${stderr}`)
    const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'))
    if (scripts.length === 0) throw new Error('wrangler deploy --dry-run wrote no script')
    const bytes = scripts.map((name) => gzipSync(readFileSync(join(folder, name))).length)
    return bytes.reduce((sum, size) => sum + size, 0) / 1024
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const environment of ['', 'production']) {
  const size = bundleSize(environment)
  const name = environment || 'development'
  console.log(`${name}: ${size.toFixed(1)} KiB gzipped, of at most ${ceilingKibibytes} KiB`)
  if (size > ceilingKibibytes) process.exitCode = 1
}
