/**
 * The core nouns, built from the configuration and the environment once per isolate. What a feature needs, it
 * takes from here by name (its own `…Parts`), and nothing else.
 */
import type { Config } from './config.ts'
import { createApplicationRegistry } from './core/applications/application-registry.ts'
import { createApplications } from './core/applications/applications.ts'
import { createKeptSiteKeys } from './core/applications/kept-site-keys.ts'
import { createKnownApplications } from './core/applications/known-applications.ts'
import { createHandoffKeys } from './core/applications/handoff-keys.ts'
import { createHandoffSessions } from './core/applications/handoff-sessions.ts'
import { createRotateWidgetSecret } from './core/applications/rotate-widget-secret.ts'
import { createSites } from './core/applications/sites.ts'
import { createSubjects } from './core/applications/subject.ts'
import { createWidgetSecrets } from './core/applications/widget-secrets.ts'
import { createAudit } from './core/audit/audit.ts'
import { createAskedSignIns } from './core/identity-providers/asked-sign-in.ts'
import { createIdentityProviders } from './core/identity-providers/identity-providers.ts'
import { createClaims } from './core/references/claims.ts'
import { createKeptValues } from './core/references/kept-values.ts'
import { createCanaryRuns } from './core/revocation/canary-runs.ts'
import { createCanary } from './core/revocation/canary.ts'
import { createAccessChecks } from './core/revocation/check-access.ts'
import { createCutOffDrain } from './core/revocation/cut-off-drain.ts'
import { createCutOffRecords } from './core/revocation/cut-off-progress.ts'
import { createCutOffs, createSessionRules, lastCutOffOf } from './core/revocation/cut-offs.ts'
import { createDepartures } from './core/revocation/departure.ts'
import { createDisableUser } from './core/revocation/disable-user.ts'
import { createEndSession } from './core/revocation/end-session.ts'
import { createEraseUser } from './core/revocation/erase-user.ts'
import { createLogoutDeliveries } from './core/revocation/logout-deliveries.ts'
import { createPasswordSessions } from './core/revocation/password-sessions.ts'
import { createRemoveSiteUser } from './core/revocation/remove-site-user.ts'
import { createRequireUser } from './core/revocation/require-user.ts'
import { createRevocation } from './core/revocation/revocation.ts'
import { createSignOut } from './core/revocation/sign-out.ts'
import { createFindTold } from './core/revocation/told-applications.ts'
import { createUndeliveredLogouts } from './core/revocation/undelivered-logouts.ts'
import { createStartCutOff } from './core/revocation/start-cut-off.ts'
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
import { createSitePeople } from './core/users/site-people.ts'
import { createLocalCredentials } from './core/users/local-credentials.ts'
import { createUserDirectory } from './core/users/user-directory.ts'
import { createUserRoles } from './core/users/user-roles.ts'
import { createUsers } from './core/users/users.ts'
import { createClientAuthentication } from './openid-provider/client-authentication.ts'
import { systemClock } from './platform/clock.ts'
import { createDoors } from './platform/doors.ts'
import { limitQueries } from './platform/limit-queries.ts'

export function buildCore(config: Config, env: Env) {
  const clock = systemClock
  const directory = limitQueries(env.DIRECTORY)
  const { issuer } = config
  const claims = createClaims(env.CLAIMED_REFERENCES)
  const { keyEncryptionKey } = config.secrets
  const keys = createKeys({
    keyRing: env.KEY_RING,
    published: env.REVOCATION,
    keyEncryptionKey,
  })
  const accessTokens = createAccessTokens({ config, keys })
  const rules = createSessionRules({ config, keys })
  const newRevocation = () =>
    createRevocation({ hints: env.REVOCATION, userSessions: env.USER_SESSIONS, rules })
  const revocation = newRevocation()
  const accessChecks = createAccessChecks({ accessTokens, revocation })
  const audit = createAudit(directory, clock)
  const asking = {
    userSessions: env.USER_SESSIONS,
    handleKey: config.secrets.handleKey,
    tokenLifetimeSeconds: config.accessToken.lifetimeSeconds,
    rules,
  }
  const sessions = createSessions({ ...asking, deadlines: config.session })
  const subjects = createSubjects(config.secrets.handleKey)
  const handoffSessions = createHandoffSessions({ directory, subjects })
  const ends = createEndSession({ sessions, handoffSessions, audit })
  const applications = createApplications(directory)
  const knownApplications = createKnownApplications({
    directory,
    lastCutOff: async (id, now) => {
      const cutOffs = await keys.cutOffs(now)
      return cutOffs.ok ? lastCutOffOf(cutOffs.value, id) : undefined
    },
  })
  const deliveries = createLogoutDeliveries({
    userSessions: env.USER_SESSIONS,
    undelivered: createUndeliveredLogouts(directory),
  })
  const identityProviders = createIdentityProviders({
    config,
    metadata: env.PROVIDER_METADATA,
    documents: env.REVOCATION,
  })
  const users = createUsers(directory)
  const widgetSecrets = createWidgetSecrets({ directory, keyEncryptionKey })
  const applicationRegistry = createApplicationRegistry({
    directory,
    issuer,
    widgetSecrets,
    prepareSigning: async (alg, now) => keys.signingKey(alg, now),
  })
  const people = createUserDirectory(directory)
  const localCredentials = createLocalCredentials(directory)
  const cutOffs = createCutOffs({ keyRing: env.KEY_RING, keys })
  const cutOffRecords = createCutOffRecords(directory)
  const cutOffDrain = createCutOffDrain({
    queue: env.SESSION_ENDS,
    records: cutOffRecords,
    people,
    ends,
    clock,
  })
  const sitePeople = createSitePeople(directory, issuer)
  const startCutOff = createStartCutOff({ cutOffs, cutOffRecords, cutOffDrain, people, audit })
  const canaryRuns = createCanaryRuns(directory)
  const disableUser = createDisableUser({ users, people, ends, sessions, cutOffs, audit })
  return {
    config,
    clock,
    keys,
    accessTokens,
    revocation,
    accessChecks,
    requireUser: createRequireUser({
      origin: issuer,
      allowedOrigins: config.allowedOrigins,
      clock,
      record: (c, event) => audit.record(c.get('facts'), event),
      accessChecks,
    }),
    audit,
    sites: createSites(directory),
    siteKeys: createKeptSiteKeys(directory),
    ...sitePeople,
    removeSiteUser: createRemoveSiteUser({ ...sitePeople, ends, audit }),
    applications,
    knownApplications,
    subjects,
    signedClaims: createSignedClaims({ config, keys }),
    handoffKeys: createHandoffKeys(directory),
    handoffSessions,
    authenticateClient: createClientAuthentication({ config, knownApplications, claims }),
    deliveries,
    widgetSecrets,
    rotateWidgetSecret: createRotateWidgetSecret({
      applications: applicationRegistry,
      widgetSecrets,
    }),
    applicationRegistry,
    users,
    userRoles: createUserRoles(directory),
    localCredentials,
    passwordSessions: createPasswordSessions({
      config,
      localCredentials,
      users,
      sessions,
      ends,
      passwordAttempts: createPasswordAttempts(asking),
    }),
    people,
    earlyLogouts: createEarlyLogouts(directory),
    identityProviders,
    sessions,
    grants: createGrants(asking),
    consents: createConsents(asking),
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
      findTold: createFindTold({ config, applications, deliveries }),
    }),
    disableUser,
    eraseUser: createEraseUser({ disableUser, sessions, users, audit }),
    keyOperations: createKeyOperations({ keyRing: env.KEY_RING, keys }),
    cutOffs,
    cutOffRecords,
    cutOffDrain,
    startCutOff,
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
    claims,
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
      handoff: env.HANDOFF_LIMIT,
      widget: env.WIDGET_LIMIT,
    }),
  }
}

export type Core = ReturnType<typeof buildCore>
