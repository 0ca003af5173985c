/**
 * The whole gateway on one page: the environment becomes a checked Config, the core nouns are built from
 * it once per isolate, and every feature is mounted from one list. Each feature names its own routes.
 */
import { Hono } from 'hono'
import { NONCE, secureHeaders } from 'hono/secure-headers'
import { accountRoutes } from './account/routes.tsx'
import { parseConfig } from './config.ts'
import type { Config } from './config.ts'
import { createAudit } from './core/audit/audit.ts'
import { createIdentityProviders } from './core/identity-providers/identity-providers.ts'
import { createAccessChecks } from './core/revocation/check-access.ts'
import { createRevocation } from './core/revocation/revocation.ts'
import { createSessions } from './core/sessions/sessions.ts'
import { createAccessTokens } from './core/tokens/access-tokens.ts'
import { createKeys } from './core/tokens/keys.ts'
import { createUsers } from './core/users/users.ts'
import { systemClock } from './platform/clock.ts'
import { createDoors } from './platform/doors.ts'
import { describeThrown, log } from './platform/log.ts'
import { randomId } from './platform/random.ts'
import type { RequestFacts, RequestVariables } from './platform/request-facts.ts'
import { signInRoutes } from './sign-in/routes.tsx'
import { tokenBridgeRoutes } from './token-bridge/routes.ts'

const features = (core: ReturnType<typeof buildCore>) => [
  signInRoutes(core),
  tokenBridgeRoutes(core),
  accountRoutes(core),
]

function buildCore(config: Config, env: Env) {
  const clock = systemClock
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: config.secrets.keyEncryptionKey,
  })
  const accessTokens = createAccessTokens({ config, keys })
  const revocation = createRevocation({ hints: env.REVOCATION, userSessions: env.USER_SESSIONS })
  return {
    config,
    clock,
    keys,
    accessTokens,
    revocation,
    accessChecks: createAccessChecks({ config, accessTokens, revocation }),
    audit: createAudit(env.DIRECTORY, clock),
    users: createUsers(env.DIRECTORY),
    identityProviders: createIdentityProviders({
      config,
      metadata: env.PROVIDER_METADATA,
      documents: env.REVOCATION,
    }),
    sessions: createSessions({
      userSessions: env.USER_SESSIONS,
      handleKey: config.secrets.handleKey,
      deadlines: config.session,
    }),
    references: env.ONE_TIME_REFERENCES,
    doors: createDoors({
      sign_in: env.SIGN_IN_LIMIT,
      callback: env.CALLBACK_LIMIT,
      bridge: env.BRIDGE_LIMIT,
      back_channel: env.BACK_CHANNEL_LIMIT,
    }),
  }
}

const gateways = new WeakMap<Env, { fetch: Hono['fetch'] }>()

/** The gateway for an environment, built at its first request. */
export function gatewayFor(env: Env): { fetch: Hono['fetch'] } {
  let gateway = gateways.get(env)
  if (gateway === undefined) {
    const parsed = parseConfig(env as unknown as Record<string, unknown>)
    gateway = parsed.ok ? buildGateway(parsed.config, env) : misconfigured(parsed.problems)
    gateways.set(env, gateway)
  }
  return gateway
}

export function buildGateway(config: Config, env: Env): Hono<{ Variables: RequestVariables }> {
  const core = buildCore(config, env)
  const app = new Hono<{ Variables: RequestVariables }>()
  app.use(async (c, next) => {
    const facts: RequestFacts = {
      requestId: randomId(),
      clientKey: c.req.header('cf-connecting-ip') ?? 'unknown',
      waitUntil: (work) => c.executionCtx.waitUntil(work),
      continent: c.req.raw.cf?.continent as string | undefined,
    }
    c.set('facts', facts)
    await next()
    c.header('X-Request-Id', facts.requestId)
  })
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: [NONCE],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'https:', 'data:'],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
      referrerPolicy: 'no-referrer',
    }),
  )
  app.get('/health', (c) => c.json({ status: 'ok' }))
  for (const feature of features(core)) app.route('/', feature)
  app.onError((thrown, c) => {
    log('error', { event: 'request.failed', request_id: c.get('facts').requestId, error: describeThrown(thrown) })
    return c.json({ error: 'server_error', request_id: c.get('facts').requestId }, 500)
  })
  return app
}

function misconfigured(problems: readonly string[]): { fetch: Hono['fetch'] } {
  return {
    fetch: () => {
      for (const problem of problems) log('error', { event: 'config.invalid', problem })
      return Response.json({ error: 'misconfigured' }, { status: 500, headers: { 'cache-control': 'no-store' } })
    },
  }
}
