/**
 * The provider's metadata, for everybody:
 *
 *   GET /.well-known/openid-configuration        OpenID Connect Discovery 1.0 §4
 *   GET /.well-known/oauth-authorization-server  RFC 8414 §3
 *
 * Both are one document. Browsers of other origins may read it; the keys stand at `/.well-known/jwks.json`
 * (token-bridge).
 */
import { Hono } from 'hono'
import type { Config } from '../../config.ts'
import type { Applications } from '../../core/applications/application.ts'
import { providerMetadata } from './provider-metadata.ts'
import type { MountedRoute } from './provider-metadata.ts'

const PATHS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']

/** Short, since applications may look again after a change of ours. */
const MAX_AGE_SECONDS = 300

export interface MetadataParts {
  readonly config: Pick<Config, 'issuer'>
  readonly applications: Pick<Applications, 'exceptionalGrantsInUse'>
}

/** `routes` are those of the whole gateway. */
export function metadataRoutes(
  { config, applications }: MetadataParts,
  routes: readonly MountedRoute[],
) {
  const app = new Hono()
  for (const path of PATHS) {
    app.get(path, async (c) => {
      const inUse = await applications.exceptionalGrantsInUse()
      return c.json(providerMetadata(config, routes, inUse.ok ? inUse.value : []), 200, {
        // Where the directory is away the exceptions are left out, which nobody shall remember.
        'Cache-Control': inUse.ok ? `public, max-age=${MAX_AGE_SECONDS}` : 'no-store',
        'Access-Control-Allow-Origin': '*',
        'Cross-Origin-Resource-Policy': 'cross-origin',
      })
    })
    app.on('OPTIONS', path, (c) =>
      c.body(null, 204, {
        Allow: 'GET, HEAD, OPTIONS',
        'Access-Control-Allow-Origin': '*',
        'Access-Control-Allow-Methods': 'GET',
      }),
    )
  }
  return app
}
