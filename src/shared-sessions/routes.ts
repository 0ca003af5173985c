/**
 * Sites of one company push people to a common store and share their sign-in, in OneAll's wire format. A site
 * is addressed by its host, `<subdomain>.api.<domain>`, or below `/oneall/<subdomain>` on our own; there it
 * has the same resources (resources.ts), each in OneAll's envelope, and proves itself by its key pair.
 *
 *   ALL  /oneall/:site/*        everything of one site
 *   GET  /ping.html             `ok`, for whoever wants to know whether we can be reached
 *
 * People are kept in `core/users`, sites and their keys in `core/applications`; a shared session is a session
 * of `core/sessions`, and ends by `core/revocation` like every other.
 */
import { Hono } from 'hono'
import type { RequestVariables } from '../platform/request-facts.ts'
import { createSeal } from '../platform/seal.ts'
import { answerSite, isSitePath } from './answer-site.ts'
import type { SharedSessionsCore, SiteParts } from './site-parts.ts'

interface Environment {
  Variables: RequestVariables
}

export function sharedSessionsRoutes(core: SharedSessionsCore) {
  const parts: SiteParts = {
    ...core,
    tokens: createSeal(core.config.secrets.handleKey, 'shared-session-token'),
  }
  const own = new URL(core.config.issuer).hostname
  const below = `.api.${own}`
  const app = new Hono<Environment>()

  // A site's host serves that site and nothing else: no page of ours, no cookie of ours.
  app.use(async (c, next) => {
    const { hostname, pathname } = new URL(c.req.url)
    if (!hostname.endsWith(below) || !isSitePath(pathname)) return next()
    const subdomain = hostname.slice(0, -below.length)
    return answerSite(parts, { raw: c.req.raw, facts: c.get('facts'), subdomain, path: pathname })
  })

  app.all('/oneall/:site/*', (c) => {
    const { pathname } = new URL(c.req.url)
    const [, subdomain = '', path = ''] = /^\/oneall\/([^/]+)(\/.*)$/.exec(pathname) ?? []
    return answerSite(parts, { raw: c.req.raw, facts: c.get('facts'), subdomain, path })
  })

  app.get('/ping.html', (c) => c.text('ok', 200, { 'Cache-Control': 'no-store' }))

  return app
}
