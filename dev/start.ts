/**
 * `npm run dev`: the gateway under wrangler, beside a local OTROTL to sign in with. Prepares secrets and
 * the database by itself, says what to open, and stops all of it on Ctrl-C. The state stays.
 */
import { createServer } from 'node:net'
import { join, relative } from 'node:path'
import { startGateway } from './gateway-process.ts'
import type { GatewayProcess } from './gateway-process.ts'
import { startBookshelf } from './bookshelf/bookshelf.ts'
import type { Bookshelf } from './bookshelf/bookshelf.ts'
import { startMarketplace } from './marketplace/marketplace.ts'
import type { Marketplace } from './marketplace/marketplace.ts'
import { startOtrotl } from './otrotl/otrotl.ts'
import type { Otrotl } from './otrotl/otrotl.ts'
import { people } from './otrotl/people.ts'
import { findFreePorts } from './find-free-ports.ts'
import { applyMigrations } from './migrations.ts'
import { startSharedSites } from './shared-sites/shared-sites.ts'
import type { SharedSites } from './shared-sites/shared-sites.ts'
import { startSecondApp } from './second-app/second-app.ts'
import type { SecondApp } from './second-app/second-app.ts'
import { prepareSecrets } from './secrets.ts'
import { projectRoot, readSettings } from './settings.ts'
import type { DevSettings } from './settings.ts'
import { startVideoComments } from './video-comments/video-comments.ts'
import type { VideoComments } from './video-comments/video-comments.ts'

const say = (line: string) => console.log(line)
const running: {
  otrotl?: Otrotl
  secondApp?: SecondApp
  marketplace?: Marketplace
  bookshelf?: Bookshelf
  videoComments?: VideoComments
  sharedSites?: SharedSites
  gateway?: GatewayProcess
} = {}
let isStopping = false

async function start(): Promise<void> {
  const settings = await withKnownPorts(readSettings(process.env, process.argv.slice(2)))
  const ports = {
    DRAWBRIDGE_PORT: settings.gatewayPort,
    OTROTL_PORT: settings.otrotlPort,
    SECOND_APP_PORT: settings.secondAppPort,
    MARKETPLACE_PORT: settings.marketplacePort,
    BOOKSHELF_PORT: settings.bookshelfPort,
    VIDEO_COMMENTS_PORT: settings.videoCommentsPort,
    SHARED_SITES_PORT: settings.sharedSitesPort,
  }
  for (const [name, port] of Object.entries(ports)) await demandFreePort(port, name)
  const secrets = prepareSecrets(settings.secretsFile)
  const prefixed = (name: string) => (line: string) => say(`${name.padEnd(8)} ${line}`)
  /** What every application of the gateway's own is told. */
  const sample = (name: string, port: number) => ({
    port,
    issuer: settings.gatewayOrigin,
    adminKey: secrets.ADMIN_API_KEY,
    stateDirectory: settings.stateDirectory,
    log: prefixed(name),
  })
  say('Starting Drawbridge and a local OTROTL ...')
  running.secondApp = await startSecondApp({
    port: settings.secondAppPort,
    issuer: settings.otrotlIssuer,
    log: prefixed('second'),
  })
  running.otrotl = await startOtrotl({
    port: settings.otrotlPort,
    gatewayOrigin: settings.gatewayOrigin,
    gatewayBackChannelOrigin: settings.gatewayBackChannelOrigin,
    clientSecret: secrets.OTROTL_CLIENT_SECRET,
    secondAppOrigin: running.secondApp.origin,
    stateDirectory: join(settings.stateDirectory, 'otrotl'),
    log: prefixed('otrotl'),
  })
  running.marketplace = await startMarketplace(sample('market', settings.marketplacePort))
  running.bookshelf = await startBookshelf(sample('books', settings.bookshelfPort))
  running.videoComments = await startVideoComments({
    ...sample('video', settings.videoCommentsPort),
    gatewayBackChannelOrigin: settings.gatewayBackChannelOrigin,
  })
  running.sharedSites = await startSharedSites(sample('sites', settings.sharedSitesPort))
  await applyMigrations(settings.stateDirectory)
  if (isStopping) return
  running.gateway = startGateway(settings, prefixed('gateway'))
  void running.gateway.hasEnded.then(() => stop('The gateway has ended.', 1))
  await running.gateway.isReady
  await running.marketplace.register()
  await running.bookshelf.register()
  await running.videoComments.register()
  await running.sharedSites.register()
  if (isStopping) return
  const { secondApp, marketplace, bookshelf, videoComments, sharedSites } = running
  const samples = { secondApp, marketplace, bookshelf, videoComments }
  say(whatToOpen(settings, samples, sharedSites.origins))
}

async function stop(reason: string, exitCode: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  say(reason)
  await Promise.all(Object.values(running).map(async (one) => one.stop()))
  process.exit(exitCode)
}

function whatToOpen(
  settings: DevSettings,
  samples: Readonly<
    Record<'secondApp' | 'marketplace' | 'bookshelf' | 'videoComments', { origin: string }>
  >,
  sharedSiteOrigins: readonly string[],
): string {
  const data = shown(settings.stateDirectory)
  const secrets = shown(settings.secretsFile)
  return `
  Drawbridge is up.

    Sign in     ${settings.gatewayOrigin}/auth/login
    Dashboard   ${settings.gatewayOrigin}/dashboard
    OTROTL      ${settings.otrotlIssuer}  (people: ${people.map(({ name }) => name).join(', ')}; no password)
    Second app  ${samples.secondApp.origin}  (also OTROTL's: sign out there, and see it happen here)
    Marketplace ${samples.marketplace.origin}  (Drawbridge's own application: it signs people in through here)
    Bookshelf   ${samples.bookshelf.origin}  (a service that Drawbridge hands people over to)
    Video       ${samples.videoComments.origin}  (comments under a video: a widget that knows who is signed in)
    Two sites   ${sharedSiteOrigins.join(' and ')}  (they share one sign-in)
    Operators   ${settings.gatewayOrigin}/admin  (the key is ADMIN_API_KEY in ${secrets})

    Settings are in wrangler.toml, secrets in ${secrets}, data in ${data}/.
    Ctrl-C stops all of it. The next start keeps the data.
`
}

/** The gateway allows the page with a widget by its origin, so that has to be known before either starts. */
async function withKnownPorts(settings: DevSettings): Promise<DevSettings> {
  if (settings.videoCommentsPort !== 0) return settings
  const [videoCommentsPort] = await findFreePorts()
  return { ...settings, videoCommentsPort }
}

/** A path as a person in the project folder would type it. */
function shown(path: string): string {
  const inProject = relative(projectRoot, path)
  return inProject.startsWith('..') ? path : inProject
}

/** Throws, in words, if something listens on the port already. */
async function demandFreePort(port: number, variable: string): Promise<void> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(port, '127.0.0.1', resolve)
  }).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === 'EADDRINUSE'
        ? `Port ${port} is in use. Stop the program that uses it, or choose another port: ${variable}=${port + 10} npm run dev`
        : `Port ${port} cannot be used: ${error.message}`,
    )
  })
  await new Promise((resolve) => probe.close(resolve))
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // A second Ctrl-C does not wait.
    if (isStopping) process.exit(1)
    void stop('Stopping ...', 0)
  })
}
process.on('exit', () => running.gateway?.kill())
// npm cannot pass on a SIGKILL of its own: when it is gone, nobody is left to press Ctrl-C.
if (process.env['npm_lifecycle_event'] === 'dev') {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) void stop('Stopping: npm has ended.', 1)
  }, 500).unref()
}

start().catch((error: unknown) => stop(error instanceof Error ? error.message : String(error), 1))
