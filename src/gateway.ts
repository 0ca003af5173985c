/**
 * The whole gateway on one page: the environment becomes a checked Config, the core nouns are built from
 * it once per isolate (gateway-core.ts), and every feature is mounted from one list. Each feature names its own routes.
 */
import { Hono } from 'hono'
import { accountRoutes } from './account/routes.tsx'
import { adminRoutes } from './admin/routes.tsx'
import { buildCore } from './gateway-core.ts'
import type { Core } from './gateway-core.ts'
import { parseConfig } from './config.ts'
import { answerThrown, answerUnrouted, identify, keepLimits, securityHeaders } from './entrance.tsx'
import { gatewayError } from './gateway-error.tsx'
import { metadataRoutes } from './openid-provider/metadata/routes.ts'
import { deviceRoutes } from './openid-provider/device/routes.tsx'
import { tokenRoutes } from './openid-provider/token/routes.ts'
import { pushRoutes } from './openid-provider/pushed-requests/routes.ts'
import { authorizationRoutes } from './openid-provider/authorization/routes.tsx'
import { logoutRoutes } from './openid-provider/logout/routes.tsx'
import { assetRoutes } from './pages/asset-routes.tsx'
import { log } from './platform/log.ts'
import type { RequestVariables } from './platform/request-facts.ts'
import { handoffRoutes } from './service-handoff/routes.ts'
import { sharedSessionsRoutes } from './shared-sessions/routes.ts'
import { signInRoutes } from './sign-in/routes.tsx'
import { signOutRoutes } from './sign-out/routes.tsx'
import { tokenBridgeRoutes } from './token-bridge/routes.ts'
import { widgetTokenRoutes } from './widget-tokens/routes.ts'

const features = (core: Core) => [
  sharedSessionsRoutes(core),
  signInRoutes(core),
  signOutRoutes(core),
  logoutRoutes(core),
  tokenBridgeRoutes(core),
  tokenRoutes(core),
  deviceRoutes(core),
  authorizationRoutes(core),
  handoffRoutes(core),
  pushRoutes(core),
  widgetTokenRoutes(core),
  accountRoutes(core),
  adminRoutes(core),
]

/** `core` is undefined when the configuration is not valid. */
interface Gateway {
  readonly fetch: Hono['fetch']
  readonly core: Core | undefined
  /** What it serves, middleware included. */
  readonly routes: Hono['routes']
}

const UNCACHED = { 'Cache-Control': 'no-store' }

const gateways = new WeakMap<Env, Gateway>()

/** The gateway for an environment, built at its first request. */
export function gatewayFor(env: Env): Gateway {
  let gateway = gateways.get(env)
  if (gateway === undefined) {
    const parsed = parseConfig(env as unknown as Record<string, unknown>)
    gateway = parsed.ok
      ? buildGateway(buildCore(parsed.config, env))
      : misconfigured(parsed.problems)
    gateways.set(env, gateway)
  }
  return gateway
}

function buildGateway(core: Core): Gateway {
  const { config } = core
  const app = new Hono<{ Variables: RequestVariables }>()
  app.use(identify)
  app.use(securityHeaders(config.isHttps))
  app.use(keepLimits({ app, config, audit: core.audit }))
  app.get('/health', (c) => c.json({ status: 'ok' }, 200, UNCACHED))
  app.route('/', assetRoutes())
  for (const feature of features(core)) app.route('/', feature)
  app.route('/', metadataRoutes(core, app.routes))
  app.notFound(answerUnrouted(app))
  app.onError(answerThrown)
  return { fetch: app.fetch, core, routes: app.routes }
}

/** Serves nobody, and says why in the log only. */
function misconfigured(problems: readonly string[]): Gateway {
  for (const problem of problems) log('error', { event: 'config.invalid', problem })
  const app = new Hono<{ Variables: RequestVariables }>()
  app.use(identify)
  app.use(securityHeaders(false))
  app.get('/health', (c) => c.json({ status: 'misconfigured' }, 503, UNCACHED))
  app.route('/', assetRoutes())
  app.notFound((c) => gatewayError(c, 'misconfigured'))
  app.onError(answerThrown)
  return { fetch: app.fetch, core: undefined, routes: app.routes }
}
