/**
 * `npm run bench`: what Drawbridge costs, beside what people would use instead. Every section runs in turn; the
 * tables go to docs/costs.md and the figures to docs/costs.json, with date and versions. `npm run bench -- logout`
 * runs only the sections that it names; what the files say of the others stays.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
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
import { tokens } from './tokens.ts'

const sections: readonly Section[] = [
  startUp,
  edge,
  tokens,
  requests,
  bridge,
  login,
  exchange,
  logout,
  growth,
  bill,
  firstLogin,
]

const textFile = join(projectRoot, 'docs/costs.md')
const figuresFile = join(projectRoot, 'docs/costs.json')

const named = process.argv.slice(2)
const unknown = named.filter((name) => !sections.some((section) => section.name === name))
if (unknown.length > 0) {
  throw new Error(
    `no section ${unknown.join(', ')}: there are ${sections.map(({ name }) => name).join(', ')}`,
  )
}
const chosen = named.length === 0 ? sections : sections.filter(({ name }) => named.includes(name))

for (const section of chosen) {
  console.log(`\n## ${section.title}\n`)
  const findings = await section.run()
  console.log(findings.text)
  report(section, findings)
}

/** Puts a section's findings into both files, in the place of what they said of it before. */
function report({ name, title }: Section, { text, figures }: Findings): void {
  const date = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
  const known = existsSync(figuresFile)
    ? (JSON.parse(readFileSync(figuresFile, 'utf8')) as Record<string, unknown>)
    : {}
  const installed = versions()
  known[name] = { date, machine, versions: installed, ...figures }
  const inOrder = sections.filter((section) => section.name in known)
  const all = Object.fromEntries(inOrder.map((section) => [section.name, known[section.name]]))
  writeFileSync(figuresFile, `${JSON.stringify(all, null, 2)}\n`)

  const texts = new Map(
    (existsSync(textFile) ? readFileSync(textFile, 'utf8') : '')
      .split(/^## /m)
      .slice(1)
      .map((part) => [part.split('\n', 1)[0]!, part.slice(part.indexOf('\n')).trim()]),
  )
  texts.set(title, `${date}, ${machine}.\n\n${text}`)
  const versionList = Object.entries(installed).map((entry) => entry.join(' '))
  const parts = inOrder.map((section) => `## ${section.title}\n\n${texts.get(section.title)}\n`)
  writeFileSync(
    textFile,
    `# What Drawbridge costs\n\nWritten by \`npm run bench\`, with ${versionList.join(', ')}. Ratios within a section are ` +
      `what counts: KV, D1 and Durable Objects are simulated here, dear in CPU and instant in distance.\n\n${parts.join('\n')}`,
  )
  execFileSync('oxfmt', [textFile, figuresFile], { cwd: projectRoot })
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
