/**
 * `npm run bench`: what Drawbridge costs, beside what people would use instead. Every section runs in turn; the
 * tables go to docs/costs.md and the figures to docs/costs.json, with date and versions. `npm run bench -- logout`
 * runs only the sections that it names, and prints them.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../../dev/settings.ts'
import type { Findings, Section } from './section.ts'
import { bill } from './bill.ts'
import { bridge } from './bridge.ts'
import { edge } from './edge.ts'
import { exchange } from './exchange.ts'
import { firstLogin } from './first-login.ts'
import { growth } from './growth.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import { requests } from './requests.ts'
import { startUp } from './start-up.ts'

const sections: readonly Section[] = [
  startUp,
  edge,
  requests,
  bridge,
  login,
  exchange,
  logout,
  growth,
  bill,
  firstLogin,
]

const named = process.argv.slice(2)
const unknown = named.filter((name) => !sections.some((section) => section.name === name))
if (unknown.length > 0) {
  throw new Error(
    `no section ${unknown.join(', ')}: there are ${sections.map(({ name }) => name).join(', ')}`,
  )
}
const chosen = named.length === 0 ? sections : sections.filter(({ name }) => named.includes(name))

const found = new Map<Section, Findings>()
for (const section of chosen) {
  console.log(`\n## ${section.title}\n`)
  const findings = await section.run()
  console.log(findings.text)
  found.set(section, findings)
}
if (named.length === 0) writeReport()

function writeReport(): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
  const about = { date: new Date().toISOString().slice(0, 10), machine, versions: versions() }
  const text = [...found].map(([{ title }, findings]) => `## ${title}\n\n${findings.text}\n`)
  const figures = [...found].map(([{ name }, findings]) => [name, findings.figures])
  const versionList = Object.entries(about.versions).map((entry) => entry.join(' '))
  writeFileSync(
    join(projectRoot, 'docs/costs.md'),
    `# What Drawbridge costs\n\nWritten by \`npm run bench\` on ${about.date}, on ${machine}, with ${versionList.join(', ')}.\n` +
      `Ratios within this run are what counts: KV, D1 and Durable Objects are simulated here, dear in CPU and instant in distance.\n\n${text.join('\n')}`,
  )
  writeFileSync(
    join(projectRoot, 'docs/costs.json'),
    `${JSON.stringify({ ...about, ...Object.fromEntries(figures) }, null, 2)}\n`,
  )
  execFileSync('oxfmt', ['docs/costs.md', 'docs/costs.json'], { cwd: projectRoot })
}

/** Of everything that takes part, as installed. */
function versions(): Record<string, string> {
  const names = [
    'workerd',
    'miniflare',
    'hono',
    'jose',
    '@hono/oidc-auth',
    'better-auth',
    '@cloudflare/workers-oauth-provider',
    '@openauthjs/openauth',
    'oidc-provider',
  ]
  return Object.fromEntries(names.map((name) => [name, versionOf(name)]))
}

function versionOf(name: string): string {
  const path = join(projectRoot, 'node_modules', name, 'package.json')
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
