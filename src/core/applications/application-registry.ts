/**
 * The operator's side of applications: registering, changing, disabling, removing them, and their client
 * secrets. A secret is shown once, in the answer that made it, and kept as a hash.
 * Nobody's sessions end here: `core/revocation` does that after an application was disabled or removed.
 */
import { systemClock } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { randomId, randomToken } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Application, IdTokenAlgorithm } from './application.ts'
import { isApplicationId, newApplicationId } from './application-id.ts'
import { judgeCredentials } from './brought-credentials.ts'
import type { BroughtCredentials } from './brought-credentials.ts'
import { createRotatedSecretsTable } from './rotated-secrets-table.ts'
import type { ListedSecret } from './rotated-secrets-table.ts'
import { forgetApplication } from './known-applications.ts'
import { createHandoffKeys } from './handoff-keys.ts'
import type { HandoffKeys, ShownKey } from './handoff-keys.ts'
import { createApplicationsTable } from './applications-table.ts'
import type { ApplicationContent, KeptApplication } from './applications-table.ts'
import { judgeRegistration } from './registration.ts'
import type { Registration } from './registration.ts'
import type { RegistrationProblem } from './registration-problem.ts'
import { createKeptSiteKeys } from './kept-site-keys.ts'
import type { ShownSiteKeys } from './kept-site-keys.ts'
import { unlessGone } from './unless-gone.ts'
import type { KeptWidgetSecrets } from './widget-secrets.ts'

/** A secret that was just made: the only time that it is there to be shown. */
export interface ShownSecret {
  readonly id: string
  readonly secret: string
}

/** The secrets are there where one was made. */
export interface Registered {
  readonly application: KeptApplication
  readonly secret: ShownSecret | undefined
  /** The API key of service hand-off, where one was made. */
  readonly handoffKey: ShownKey | undefined
  readonly widgetSecret: ShownSecret | undefined
  readonly siteKeys: ShownSiteKeys | undefined
}

export type ProblemsOr<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problems: readonly RegistrationProblem[] }

/** Throws where the directory does not answer. */
export interface ApplicationRegistry {
  register(
    registration: Registration & BroughtCredentials,
    now: EpochSeconds,
  ): Promise<ProblemsOr<Registered>>
  find(id: string): Promise<KeptApplication | undefined>
  /** In order of the id, after the one given. */
  list(page: {
    readonly after: string
    readonly limit: number
  }): Promise<readonly KeptApplication[]>
  /**
   * Replaces everything that a registration says, in the version that the operator has seen. An application that
   * begins to need a secret gets one, one that no longer does loses all. `note` is awaited once it is replaced: what
   * fails after that leaves it changed.
   */
  change(
    seen: { readonly id: string; readonly version: number },
    registration: Registration,
    now: EpochSeconds,
    note?: () => Promise<void>,
  ): Promise<ProblemsOr<Result<Registered, 'unknown_application' | 'changed_meanwhile'>>>
  remove(
    id: string,
    version?: number,
    now?: EpochSeconds,
  ): Promise<Result<undefined, 'unknown_application' | 'changed_meanwhile'>>
  setStatus(
    id: string,
    status: Application['status'],
    now: EpochSeconds,
    version?: number,
  ): Promise<Result<KeptApplication, 'unknown_application' | 'changed_meanwhile'>>
  /** A new secret; those before it are accepted for `overlapSeconds` more, at most. */
  rotateSecret(
    input: { readonly id: string; readonly overlapSeconds: number },
    now: EpochSeconds,
  ): Promise<Result<ShownSecret, 'unknown_application' | 'no_secret_used' | 'too_many_secrets'>>
  secretsOf(id: string, now: EpochSeconds): Promise<readonly ListedSecret[]>
  removeSecret(
    input: { readonly id: string; readonly secretId: string },
    now: EpochSeconds,
  ): Promise<Result<undefined, 'unknown_secret' | 'last_secret'>>
  /** The same three for the API keys of service hand-off. */
  rotateHandoffKey(
    input: { readonly id: string; readonly overlapSeconds: number },
    now: EpochSeconds,
  ): Promise<Result<ShownKey, 'unknown_application' | 'no_secret_used' | 'too_many_secrets'>>
  readonly handoffKeysOf: HandoffKeys['list']
  readonly removeHandoffKey: HandoffKeys['remove']
}

export function createApplicationRegistry({
  directory,
  issuer,
  widgetSecrets,
  prepareSigning = async () => undefined,
}: {
  readonly directory: D1Database
  /** Our public origin. */
  readonly issuer: string
  readonly widgetSecrets: KeptWidgetSecrets
  /**
   * Makes sure that there is a key for an algorithm, so that it is published before the first token that it
   * signs. Where that fails, it is made with that token.
   */
  readonly prepareSigning?: (alg: IdTokenAlgorithm, now: EpochSeconds) => Promise<unknown>
}): ApplicationRegistry {
  const table = createApplicationsTable(directory)
  const secrets = createRotatedSecretsTable(directory, 'application_secrets')
  const handoffKeys = createHandoffKeys(directory)
  const siteKeyPairs = createKeptSiteKeys(directory)

  const kept = async (id: string) => (isApplicationId(id) ? table.find(id) : undefined)

  /** The secret that was made, if a widget has none. */
  async function keepWidgetSecret({ id, widget }: KeptApplication, now: EpochSeconds) {
    if (widget === undefined || (await widgetSecrets.list(id, now)).length > 0) return undefined
    const secret = widgetSecrets.make()
    await (await widgetSecrets.insertion(id, secret, now)).run()
    return secret
  }

  async function keepSecret(application: KeptApplication, now: EpochSeconds) {
    const { id } = application
    if (!usesSecret(application) || (await secrets.validHashes(id, now)).length > 0)
      return undefined
    const secret = newSecret()
    await secrets.insertion(await hashed(secret, id), now).run()
    return secret
  }

  const failure = async (id: string) =>
    refuse((await kept(id)) === undefined ? 'unknown_application' : 'changed_meanwhile')

  const prepareFor = async ({ oauth }: Pick<ApplicationContent, 'oauth'>, now: EpochSeconds) =>
    oauth && prepareSigning(oauth.idTokenSignedResponseAlg, now)

  /**
   * After a change: what begins to need a secret gets one, what no longer does loses all. The latter is last and
   * goes by what the directory says then: of two operators at once, each leaves what fits the later change.
   */
  async function keepSecrets(application: KeptApplication, now: EpochSeconds) {
    const { id } = application
    const handoffKey = await handoffKeys.keepFor(application, now)
    const widgetSecret = await keepWidgetSecret(application, now)
    const siteKeys = await siteKeyPairs.keep(application, now)
    await prepareFor(application, now)
    const secret = await keepSecret(application, now)
    const owners = [secrets, handoffKeys, widgetSecrets, siteKeyPairs]
    await directory.batch(owners.map((owner) => owner.removal(id)))
    return ok({ application, secret, handoffKey, widgetSecret, siteKeys })
  }

  const registry: ApplicationRegistry = {
    async register({ clientId, clientSecret, widgetSecret: brought, ...registration }, now) {
      const judged = await judgeRegistration(registration, { issuer })
      const problems = [
        ...judgeCredentials({ clientId, clientSecret, widgetSecret: brought }, registration),
        ...(judged.ok ? [] : judged.problems),
      ]
      if (!judged.ok || problems.length > 0) return { ok: false, problems }
      const { content } = judged
      const id = clientId ?? newApplicationId()
      const secret = usesSecret(content) ? newSecret(clientSecret) : undefined
      const handoffKey = content.handoff && (await handoffKeys.make(id, now))
      const siteKeys = content.sharedSessions && siteKeyPairs.make()
      const widgetSecret = content.widget && widgetSecrets.make(brought)
      try {
        await directory.batch([
          table.insertion({ id, ...content }, now),
          ...(secret === undefined ? [] : [secrets.insertion(await hashed(secret, id), now)]),
          ...(handoffKey === undefined ? [] : [handoffKey.insertion]),
          ...(widgetSecret === undefined
            ? []
            : [await widgetSecrets.insertion(id, widgetSecret, now)]),
          ...(siteKeys === undefined ? [] : [await siteKeyPairs.insertion(id, siteKeys, now)]),
        ])
      } catch (thrown) {
        return inUse(thrown)
      }
      await prepareFor(content, now)
      const application = { id, ...content, ...NEW, createdAt: now, updatedAt: now }
      return ok({ application, secret, handoffKey: handoffKey?.shown, widgetSecret, siteKeys })
    },

    find: kept,

    list: ({ after, limit }) => table.list(after, limit),

    async change({ id, version }, registration, now, note) {
      const judged = await judgeRegistration(registration, { issuer })
      if (!judged.ok) return judged
      try {
        const changed = isApplicationId(id)
          ? await table.replace({ id, version }, judged.content, now)
          : undefined
        if (changed === undefined) return ok(await failure(id))
        await note?.()
        return ok(await unlessGone(() => keepSecrets(changed, now)))
      } catch (thrown) {
        return inUse(thrown)
      }
    },

    async remove(id, version, now = systemClock()) {
      const isRemoved = isApplicationId(id) && (await table.remove(id, version, now))
      return isRemoved ? ok(undefined) : failure(id)
    },

    async setStatus(id, status, now, version) {
      const set = isApplicationId(id) ? await table.setStatus(id, status, now, version) : undefined
      return set === undefined ? failure(id) : ok(set)
    },

    async rotateSecret({ id, overlapSeconds }, now) {
      const application = await kept(id)
      if (application === undefined) return refuse('unknown_application')
      if (!usesSecret(application)) return refuse('no_secret_used')
      const secret = newSecret()
      const ends = { endsAt: now + overlapSeconds, now }
      return unlessGone(async () => {
        const isAdded = await secrets.rotate(await hashed(secret, id), ends)
        return isAdded ? ok(secret) : refuse('too_many_secrets')
      })
    },

    async rotateHandoffKey(input, now) {
      const application = await kept(input.id)
      if (application === undefined) return refuse('unknown_application')
      if (application.handoff === undefined) return refuse('no_secret_used')
      return unlessGone(() => handoffKeys.rotate(input, now))
    },

    handoffKeysOf: (id, now) => handoffKeys.list(id, now),

    removeHandoffKey: (input, now) => handoffKeys.remove(input, now),

    secretsOf: (id, now) => secrets.list(id, now),

    removeSecret: ({ id, secretId }, now) => secrets.remove(id, secretId, now),
  }

  /** What is written holds here at once, also where the writer has seen it fail. */
  async function written<Value>(id: string, write: Promise<Value>): Promise<Value> {
    try {
      return await write
    } finally {
      forgetApplication(directory, id)
    }
  }
  return {
    ...registry,
    change: (seen, ...how) => written(seen.id, registry.change(seen, ...how)),
    remove: (id, version, now) => written(id, registry.remove(id, version, now)),
    setStatus: (id, ...how) => written(id, registry.setStatus(id, ...how)),
    rotateSecret: (input, now) => written(input.id, registry.rotateSecret(input, now)),
    removeSecret: (input, now) => written(input.id, registry.removeSecret(input, now)),
  }
}

/** Two of a kind: the id of the application, or the subdomain of the site. */
function inUse(thrown: unknown): { ok: false; problems: readonly RegistrationProblem[] } {
  const text = String(thrown)
  if (!/UNIQUE constraint/.test(text)) throw thrown
  const pointer = text.includes('applications.id') ? '/client_id' : '/shared_sessions/subdomain'
  return { ok: false, problems: [{ pointer, detail: 'is in use' }] }
}

const NEW = { status: 'active', version: 1 } as const

const usesSecret = ({ oauth }: Pick<ApplicationContent, 'oauth'>): boolean =>
  oauth?.tokenEndpointAuthMethod.startsWith('client_secret_') === true

const newSecret = (brought?: string): ShownSecret => ({
  id: randomId(),
  secret: brought ?? randomToken(),
})

/** What is kept of it. A plain hash is enough for 256 random bits, and for what is refused below if it is short. */
const hashed = async ({ id, secret }: ShownSecret, applicationId: string) => ({
  id,
  applicationId,
  hash: await sha256Base64url(secret),
})
