import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { experimental_readRawConfig } from 'wrangler'
import { projectRoot } from './settings.ts'
import type { DevSettings } from './settings.ts'

/** The parts of wrangler's configuration that depend on where the file lies, or on the ports. */
interface RawConfig {
  readonly main: string
  readonly build: { readonly watch_dir: readonly string[] }
  readonly d1_databases: readonly { readonly migrations_dir: string }[]
  readonly vars: {
    readonly IDENTITY_PROVIDERS: readonly { readonly id: string }[]
  }
}

export const configured = join(projectRoot, 'wrangler.toml')

/**
 * The configuration file that wrangler is started with: `wrangler.toml`, or, on other ports, a copy of
 * it in the state directory that differs only in the two issuers and the origin of the page with a widget. (wrangler's `--var` sets text, and
 * the identity providers are a table.)
 */
export function prepareGatewayConfig(settings: DevSettings): string {
  if (settings.isAsConfigured) return configured
  const raw: RawConfig = experimental_readRawConfig({ config: configured }).rawConfig
  const copy = {
    ...raw,
    main: join(projectRoot, raw.main),
    build: {
      ...raw.build,
      cwd: projectRoot,
      watch_dir: raw.build.watch_dir.map((directory) => join(projectRoot, directory)),
    },
    d1_databases: raw.d1_databases.map((database) => ({
      ...database,
      migrations_dir: join(projectRoot, database.migrations_dir),
    })),
    vars: {
      ...raw.vars,
      ISSUER: settings.gatewayOrigin,
      ALLOWED_ORIGINS: [`http://localhost:${settings.videoCommentsPort}`],
      IDENTITY_PROVIDERS: raw.vars.IDENTITY_PROVIDERS.map((provider) =>
        provider.id === 'otrotl' ? { ...provider, issuer: settings.otrotlIssuer } : provider,
      ),
      ...(settings.handoffHost && { HANDOFF_HOSTS: [hostOf(settings.handoffHost)] }),
    },
    // What is deployed is nothing to a run on this machine.
    env: {},
  }
  const file = join(settings.stateDirectory, 'wrangler.json')
  mkdirSync(settings.stateDirectory, { recursive: true })
  writeFileSync(file, JSON.stringify(copy, undefined, 2))
  return file
}

const hostOf = ({ issuer, apiUrl }: NonNullable<DevSettings['handoffHost']>) => ({
  id: 'host',
  name: 'The other gateway',
  issuer,
  api_url: apiUrl,
  allow_insecure_http: true,
})
