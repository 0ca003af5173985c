/**
 * Sites of one company push people to a common store and share their sign-in, in OneAll's wire format. A site
 * is addressed by its host, `<subdomain>.api.<host of ISSUER>`, or below `/oneall/<subdomain>` on our own; there
 * it has the same resources (resources.ts), each in OneAll's envelope, and proves itself by its key pair.
 *
 *   ALL  /oneall/:site/*                 everything of one site
 *   GET  …/socialize/library.js          the script for its pages
 *   …    …/socialize/*                   where that script, or a link, brings a browser (socialize.ts)
 *   GET  /ping.html                      `ok`, for whoever wants to know whether we can be reached
 *
 * People are kept in `core/users`, sites and their keys in `core/applications`; a shared session is a session
 * of `core/sessions`, and ends by `core/revocation` like every other.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import { siteHostsBelow } from '../core/applications/shared-sessions-site.ts'
import { describeThrown, log } from '../platform/log.ts'
import type { RequestVariables } from '../platform/request-facts.ts'
import { createSeal } from '../platform/seal.ts'
import { answerSite } from './answer-site.ts'
import { refused } from './brought.ts'
import type { SharedSessionsCore, SiteParts } from './site-parts.ts'
import { answerBrought, answerLibrary } from './socialize-answers.tsx'
import { follow } from './socialize.ts'

interface Environment {
  Variables: RequestVariables
}

interface Asked {
  readonly subdomain: string
  /** Below the site. */
  readonly path: string
}

export function sharedSessionsRoutes(core: SharedSessionsCore) {
  const { config, clock, sites, doors, audit } = core
  const { handleKey } = config.secrets
  const parts: SiteParts = {
    ...core,
    tokens: createSeal(handleKey, 'shared-session-token'),
    connectionGrants: createSeal(handleKey, 'connection-grant'),
    browserTokens: createSeal(handleKey, 'shared-session-cookie'),
  }
  const below = siteHostsBelow(config.issuer)
  const app = new Hono<Environment>()

  const serve = (c: Context<Environment>, asked: Asked) =>
    asked.path.startsWith('/socialize/')
      ? serveBrowser(c, asked)
      : answerSite(parts, { raw: c.req.raw, facts: c.get('facts'), ...asked })

  async function serveBrowser(c: Context<Environment>, { subdomain, path }: Asked) {
    const facts = c.get('facts')
    const base = `${config.issuer}/oneall/${subdomain}`
    const { hostname, search } = new URL(c.req.url)
    const door = await doors.mayEnter('sign_in', facts)
    const site = door.ok ? await sites.find(subdomain) : door
    if (!site.ok) {
      const { code } = site.refusal
      const event = code === 'rate_limited' ? 'rate.limited' : 'site.refused'
      await audit.record(facts, { event, refusal: site.refusal })
      return answerBrought(c, refused(code === 'unknown_site' ? 'unknown_page' : code))
    }
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD'
    if (path === '/socialize/library.js' && isRead) return answerLibrary(c, base)
    // What a browser carries is on our own host only.
    if (hostname.endsWith(below)) {
      return answerBrought(c, { kind: 'sent', location: base + path + search })
    }
    const brought = { raw: c.req.raw, facts, site: site.value, path, now: clock() }
    const outcome = await follow(parts, brought).catch((thrown: unknown) => {
      const { requestId: request_id } = facts
      log('error', { event: 'request.failed', request_id, error: describeThrown(thrown) })
      return refused('unavailable')
    })
    // What is not available was not decided.
    if (outcome.kind === 'refused' && outcome.code !== 'unavailable') {
      const { applicationId: application } = site.value
      const refusal = { code: outcome.code }
      await audit.record(facts, { event: 'connection.refused', refusal, facts: { application } })
    }
    return answerBrought(c, outcome)
  }

  // A site's host serves that site and nothing else: no page of ours, no cookie of ours.
  app.use(async (c, next) => {
    const { hostname, pathname } = new URL(c.req.url)
    if (!hostname.endsWith(below)) return next()
    return serve(c, { subdomain: hostname.slice(0, -below.length), path: pathname })
  })

  app.all('/oneall/:site/*', (c) => {
    const { pathname } = new URL(c.req.url)
    const [, subdomain = '', path = ''] = /^\/oneall\/([^/]+)(\/.*)$/.exec(pathname) ?? []
    return serve(c, { subdomain, path })
  })

  app.get('/ping.html', (c) => c.text('ok', 200, { 'Cache-Control': 'no-store' }))

  return app
}
