/**
 * The whole gateway on one page: the environment becomes a checked Config, the core nouns are built from
 * it once per isolate, and every feature is mounted from one list. Each feature names its own routes.
 */
import { Hono } from 'hono'
import type { MiddlewareHandler } from 'hono'
import { NONCE, secureHeaders } from 'hono/secure-headers'
import { accountRoutes } from './account/routes.tsx'
import { adminRoutes } from './admin/routes.tsx'
import { parseConfig } from './config.ts'
import type { Config } from './config.ts'
import { createApplicationRegistry } from './core/applications/application-registry.ts'
import { createApplications } from './core/applications/applications.ts'
import { createSubjects } from './core/applications/subject.ts'
import { createAudit } from './core/audit/audit.ts'
import { createAskedSignIns } from './core/identity-providers/asked-sign-in.ts'
import { createIdentityProviders } from './core/identity-providers/identity-providers.ts'
import { signOutTargets } from './core/identity-providers/sign-out-targets.ts'
import { createKeptValues } from './core/references/kept-values.ts'
import { createCanaryRuns } from './core/revocation/canary-runs.ts'
import { createCanary } from './core/revocation/canary.ts'
import { createAccessChecks } from './core/revocation/check-access.ts'
import { createCutOffDrain } from './core/revocation/cut-off-drain.ts'
import { createCutOffRecords } from './core/revocation/cut-off-progress.ts'
import { createCutOffs, createSessionRules } from './core/revocation/cut-offs.ts'
import { createDepartures } from './core/revocation/departure.ts'
import { createDisableUser } from './core/revocation/disable-user.ts'
import { createEndApplication } from './core/revocation/end-application.ts'
import { createEndSession } from './core/revocation/end-session.ts'
import { createLogoutDeliveries } from './core/revocation/logout-deliveries.ts'
import { createRequireUser } from './core/revocation/require-user.ts'
import { createRevocation } from './core/revocation/revocation.ts'
import { createSignOut } from './core/revocation/sign-out.ts'
import { createFindTold } from './core/revocation/told-applications.ts'
import { createUndeliveredLogouts } from './core/revocation/undelivered-logouts.ts'
import { createConsents } from './core/sessions/consents.ts'
import { createGrants } from './core/sessions/grants.ts'
import { createPasswordAttempts } from './core/sessions/password-attempts.ts'
import { createSessions } from './core/sessions/sessions.ts'
import { createAccessTokens } from './core/tokens/access-tokens.ts'
import { createApplicationTokens } from './core/tokens/application-tokens.ts'
import { createSignedClaims } from './core/tokens/sign-claims.ts'
import { createKeyOperations } from './core/tokens/key-operations.ts'
import { createKeys } from './core/tokens/keys.ts'
import { createEarlyLogouts } from './core/users/early-logouts.ts'
import { createLocalCredentials } from './core/users/local-credentials.ts'
import { createUserDirectory } from './core/users/user-directory.ts'
import { createUsers } from './core/users/users.ts'
import { answerThrown, answerUnrouted, identify, keepLimits } from './entrance.tsx'
import { gatewayError } from './gateway-error.tsx'
import { createClientAuthentication } from './openid-provider/client-authentication.ts'
import { metadataRoutes } from './openid-provider/metadata/routes.ts'
import { deviceRoutes } from './openid-provider/device/routes.tsx'
import { tokenRoutes } from './openid-provider/token/routes.ts'
import { pushRoutes } from './openid-provider/pushed-requests/routes.ts'
import { authorizationRoutes } from './openid-provider/authorization/routes.tsx'
import { logoutRoutes } from './openid-provider/logout/routes.tsx'
import { assetRoutes } from './pages/asset-routes.tsx'
import { systemClock } from './platform/clock.ts'
import { createDoors } from './platform/doors.ts'
import { log } from './platform/log.ts'
import type { RequestVariables } from './platform/request-facts.ts'
import { signInRoutes } from './sign-in/routes.tsx'
import { signOutRoutes } from './sign-out/routes.tsx'
import { tokenBridgeRoutes } from './token-bridge/routes.ts'

const features = (core: Core) => [
  signInRoutes(core),
  signOutRoutes(core),
  logoutRoutes(core),
  tokenBridgeRoutes(core),
  tokenRoutes(core),
  deviceRoutes(core),
  authorizationRoutes(core),
  pushRoutes(core),
  accountRoutes(core),
  adminRoutes(core),
]

function buildCore(config: Config, env: Env) {
  const clock = systemClock
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey: config.secrets.keyEncryptionKey,
  })
  const accessTokens = createAccessTokens({ config, keys })
  const rules = createSessionRules({ config, keys })
  const newRevocation = () =>
    createRevocation({ hints: env.REVOCATION, userSessions: env.USER_SESSIONS, rules })
  const revocation = newRevocation()
  const accessChecks = createAccessChecks({ accessTokens, revocation })
  const audit = createAudit(env.DIRECTORY, clock)
  const asking = {
    userSessions: env.USER_SESSIONS,
    handleKey: config.secrets.handleKey,
    tokenLifetimeSeconds: config.accessToken.lifetimeSeconds,
    rules,
  }
  const sessions = createSessions({ ...asking, deadlines: config.session })
  const ends = createEndSession({ sessions, audit })
  const applications = createApplications(env.DIRECTORY)
  const deliveries = createLogoutDeliveries({
    userSessions: env.USER_SESSIONS,
    undelivered: createUndeliveredLogouts(env.DIRECTORY),
  })
  const identityProviders = createIdentityProviders({
    config,
    metadata: env.PROVIDER_METADATA,
    documents: env.REVOCATION,
  })
  const users = createUsers(env.DIRECTORY)
  const people = createUserDirectory(env.DIRECTORY)
  const cutOffs = createCutOffs({ keyRing: env.KEY_RING, keys })
  const cutOffRecords = createCutOffRecords(env.DIRECTORY)
  const cutOffDrain = createCutOffDrain({
    queue: env.SESSION_ENDS,
    records: cutOffRecords,
    people,
    ends,
  })
  const canaryRuns = createCanaryRuns(env.DIRECTORY)
  return {
    config,
    clock,
    keys,
    accessTokens,
    revocation,
    accessChecks,
    requireUser: createRequireUser({ config, clock, audit, accessChecks }),
    audit,
    applications,
    authenticateClient: createClientAuthentication({
      config,
      applications,
      references: env.ONE_TIME_REFERENCES,
    }),
    subjects: createSubjects(config.secrets.handleKey),
    signedClaims: createSignedClaims({ config, keys }),
    deliveries,
    applicationRegistry: createApplicationRegistry({
      directory: env.DIRECTORY,
      issuer: config.issuer,
      prepareSigning: async (alg, now) => keys.signingKey(alg, now),
    }),
    users,
    localCredentials: createLocalCredentials(env.DIRECTORY),
    people,
    earlyLogouts: createEarlyLogouts(env.DIRECTORY),
    identityProviders,
    sessions,
    grants: createGrants(asking),
    consents: createConsents(asking),
    passwordAttempts: createPasswordAttempts(asking),
    applicationTokens: createApplicationTokens({ config, keys }),
    askedSignIns: createAskedSignIns(config.secrets.handleKey),
    ends,
    signOut: createSignOut({
      config,
      clock,
      sessions,
      identityProviders,
      ending: ends,
      departures: createDepartures(config),
      findTold: createFindTold({ issuer: config.issuer, applications, deliveries }),
    }),
    disableUser: createDisableUser({ users, people, ends, sessions, cutOffs, audit }),
    keyOperations: createKeyOperations({ keyRing: env.KEY_RING, keys }),
    cutOffs,
    cutOffRecords,
    cutOffDrain,
    endApplication: createEndApplication({ cutOffs, cutOffRecords, cutOffDrain, people, audit }),
    canaryRuns,
    canary: createCanary({
      sessions,
      accessTokens,
      ends,
      runs: canaryRuns,
      provider: config.identityProviders[0]!,
      newRevocation,
      clock,
    }),
    references: env.ONE_TIME_REFERENCES,
    keptValues: createKeptValues({
      references: env.ONE_TIME_REFERENCES,
      handleKey: config.secrets.handleKey,
    }),
    doors: createDoors({
      sign_in: env.SIGN_IN_LIMIT,
      callback: env.CALLBACK_LIMIT,
      bridge: env.BRIDGE_LIMIT,
      back_channel: env.BACK_CHANNEL_LIMIT,
      admin: env.ADMIN_LIMIT,
      token: env.TOKEN_LIMIT,
      device: env.DEVICE_LIMIT,
      authorize: env.AUTHORIZE_LIMIT,
    }),
  }
}

type Core = ReturnType<typeof buildCore>

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
  app.use(securityHeaders(config.isHttps, signOutTargets(config)))
  app.use(denyFraming)
  app.use(keepLimits({ app, config, audit: core.audit }))
  app.get('/health', (c) => c.json({ status: 'ok' }, 200, UNCACHED))
  app.route('/', assetRoutes())
  for (const feature of features(core)) app.route('/', feature)
  app.route('/', metadataRoutes(core, app.routes))
  app.notFound(answerUnrouted(app))
  app.onError(answerThrown)
  return { fetch: app.fetch, core, routes: app.routes }
}

const securityHeaders = (isHttps: boolean, formTargets: readonly string[] = []) =>
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: [NONCE],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'https:', 'data:'],
      connectSrc: ["'self'"],
      // Browsers hold the redirects of a form to this as well: signing out goes on to the provider.
      formAction: ["'self'", ...formTargets],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
    },
    referrerPolicy: 'no-referrer',
    xFrameOptions: false,
    strictTransportSecurity: isHttps ? 'max-age=31536000' : false,
    // A route may say something stricter, or something else on purpose.
    overwrite: false,
  })

/** The older header for the same; a page whose own policy says who may frame it would be contradicted. */
const denyFraming: MiddlewareHandler = async (c, next) => {
  await next()
  if (!c.res.headers.has('Content-Security-Policy')) c.header('X-Frame-Options', 'DENY')
}

/** Serves nobody, and says why in the log only. */
function misconfigured(problems: readonly string[]): Gateway {
  for (const problem of problems) log('error', { event: 'config.invalid', problem })
  const app = new Hono<{ Variables: RequestVariables }>()
  app.use(identify)
  app.use(securityHeaders(false))
  app.use(denyFraming)
  app.get('/health', (c) => c.json({ status: 'misconfigured' }, 503, UNCACHED))
  app.route('/', assetRoutes())
  app.notFound((c) => gatewayError(c, 'misconfigured'))
  app.onError(answerThrown)
  return { fetch: app.fetch, core: undefined, routes: app.routes }
}
