import { fileURLToPath } from 'node:url'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** What `npm run dev` runs, and where. All paths are absolute. */
export interface DevSettings {
  readonly gatewayPort: number
  readonly otrotlPort: number
  /** Of the second application; 0: any free one. */
  readonly secondAppPort: number
  /** Of the marketplace; 0: any free one. */
  readonly marketplacePort: number
  /** Of the bookshelf; 0: any free one. */
  readonly bookshelfPort: number
  /** Of the two sites that share a sign-in; 0: any free one. */
  readonly sharedSitesPort: number
  /** Of the page with a widget; 0: any free one. */
  readonly videoCommentsPort: number
  /** Origin of the gateway for browsers: its ISSUER. Another host name than OTROTL's, so that cookies do not mix. */
  readonly gatewayOrigin: string
  /** The same for programs: Node and workerd do not try a second address as browsers do for `localhost`. */
  readonly gatewayBackChannelOrigin: string
  readonly otrotlIssuer: string
  /** Everything that a second start finds again. */
  readonly stateDirectory: string
  readonly secretsFile: string
  /** True if `wrangler.toml` describes this run as it stands. */
  readonly isAsConfigured: boolean
  /** Another gateway that hands people over to this one, and where its API is for programs. */
  readonly handoffHost?: { readonly issuer: string; readonly apiUrl: string }
}

export const projectRoot = fileURLToPath(new URL('..', import.meta.url))

const defaultPorts = {
  gateway: 8787,
  otrotl: 9080,
  secondApp: 9081,
  marketplace: 9082,
  bookshelf: 9084,
  sharedSites: 9086,
  videoComments: 9083,
}

/**
 * Reads DRAWBRIDGE_PORT, OTROTL_PORT, SECOND_APP_PORT, MARKETPLACE_PORT, VIDEO_COMMENTS_PORT, BOOKSHELF_PORT, SHARED_SITES_PORT and `--persist-to <directory>`. With a directory of its
 * own a run also has secrets of its own, and shares nothing with another run. Throws an Error in words.
 */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  commandLine: readonly string[],
): DevSettings {
  const { values } = parseArgs({
    args: [...commandLine],
    options: { 'persist-to': { type: 'string' } },
  })
  const persistTo = values['persist-to']
  const gatewayPort = readPort(environment, 'DRAWBRIDGE_PORT', defaultPorts.gateway)
  const otrotlPort = readPort(environment, 'OTROTL_PORT', defaultPorts.otrotl)
  const isWhereExpected = gatewayPort === defaultPorts.gateway && otrotlPort === defaultPorts.otrotl
  const videoCommentsPort = readPort(
    environment,
    'VIDEO_COMMENTS_PORT',
    isWhereExpected ? defaultPorts.videoComments : 0,
  )
  const isAsConfigured = isWhereExpected && videoCommentsPort === defaultPorts.videoComments
  const stateDirectory =
    persistTo === undefined ? join(projectRoot, '.wrangler') : resolve(persistTo)
  return {
    gatewayPort,
    otrotlPort,
    // Who has chosen the other ports has nothing to remember this one by.
    secondAppPort: readPort(
      environment,
      'SECOND_APP_PORT',
      isWhereExpected ? defaultPorts.secondApp : 0,
    ),
    marketplacePort: readPort(
      environment,
      'MARKETPLACE_PORT',
      isWhereExpected ? defaultPorts.marketplace : 0,
    ),
    bookshelfPort: readPort(
      environment,
      'BOOKSHELF_PORT',
      isWhereExpected ? defaultPorts.bookshelf : 0,
    ),
    sharedSitesPort: readPort(
      environment,
      'SHARED_SITES_PORT',
      isWhereExpected ? defaultPorts.sharedSites : 0,
    ),
    videoCommentsPort,
    gatewayOrigin: `http://localhost:${gatewayPort}`,
    gatewayBackChannelOrigin: `http://127.0.0.1:${gatewayPort}`,
    otrotlIssuer: `http://127.0.0.1:${otrotlPort}`,
    stateDirectory,
    secretsFile: join(persistTo === undefined ? projectRoot : stateDirectory, '.dev.vars'),
    isAsConfigured,
  }
}

function readPort(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  otherwise: number,
): number {
  const text = environment[name]
  if (text === undefined || text === '') return otherwise
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`${name} is "${text}", which is not a port number (1 to 65535).`)
  }
  return port
}
