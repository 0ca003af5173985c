/**
 * The operator's side of applications: registering, changing, disabling, removing them, and their client
 * secrets. A secret is shown once, in the answer that made it, and kept as a hash.
 *
 * Nobody's sessions end here: `core/revocation` does that after an application was disabled or removed.
 */
import { systemClock } from '../../platform/clock.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { sha256Base64url } from '../../platform/digest.ts'
import { randomId, randomToken } from '../../platform/random.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { Application, IdTokenAlgorithm } from './application.ts'
import { isApplicationId, isTakenName, newApplicationId } from './application-id.ts'
import { createApplicationSecretsTable } from './application-secrets-table.ts'
import type { ListedSecret } from './application-secrets-table.ts'
import { createApplicationsTable } from './applications-table.ts'
import type { ApplicationContent, KeptApplication } from './applications-table.ts'
import { judgeRegistration } from './registration.ts'
import type { Registration } from './registration.ts'
import type { RegistrationProblem } from './registration-problem.ts'

/** An application that moves here from another provider keeps the credentials that it has there. */
export interface BroughtCredentials {
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
}

/** A secret that was just made: the only time that it is there to be shown. */
export interface ShownSecret {
  readonly id: string
  readonly secret: string
}

/** `secret` is there where one was made. */
export interface Registered {
  readonly application: KeptApplication
  readonly secret: ShownSecret | undefined
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
   * begins to need a secret gets one, one that no longer does loses all.
   */
  change(
    seen: { readonly id: string; readonly version: number },
    registration: Registration,
    now: EpochSeconds,
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
  ): Promise<Result<KeptApplication, 'unknown_application'>>
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
}

export function createApplicationRegistry({
  directory,
  issuer,
  prepareSigning = async () => undefined,
}: {
  readonly directory: D1Database
  /** Our public origin. */
  readonly issuer: string
  /**
   * Makes sure that there is a key for an algorithm, so that it is published before the first token that it
   * signs. Where that fails, it is made with that token.
   */
  readonly prepareSigning?: (alg: IdTokenAlgorithm, now: EpochSeconds) => Promise<unknown>
}): ApplicationRegistry {
  const table = createApplicationsTable(directory)
  const secrets = createApplicationSecretsTable(directory)

  const kept = async (id: string) => (isApplicationId(id) ? table.find(id) : undefined)

  const failure = async (id: string) =>
    refuse((await kept(id)) === undefined ? 'unknown_application' : 'changed_meanwhile')

  const prepareFor = async ({ oauth }: Pick<ApplicationContent, 'oauth'>, now: EpochSeconds) =>
    oauth && prepareSigning(oauth.idTokenSignedResponseAlg, now)

  return {
    async register({ clientId, clientSecret, ...registration }, now) {
      const judged = await judgeRegistration(registration, { issuer })
      const problems = [
        ...judgeCredentials({ clientId, clientSecret }, registration),
        ...(judged.ok ? [] : judged.problems),
      ]
      if (!judged.ok || problems.length > 0) return { ok: false, problems }
      const { content } = judged
      const id = clientId ?? newApplicationId()
      const secret = usesSecret(content) ? newSecret(clientSecret) : undefined
      try {
        await directory.batch([
          table.insertion({ id, ...content }, now),
          ...(secret === undefined ? [] : [secrets.insertion(await hashed(secret, id), now)]),
        ])
      } catch (thrown) {
        if (!/UNIQUE constraint/.test(String(thrown))) throw thrown
        return { ok: false, problems: [{ pointer: '/client_id', detail: 'is in use' }] }
      }
      await prepareFor(content, now)
      const application = { id, ...content, ...NEW, createdAt: now, updatedAt: now }
      return ok({ application, secret })
    },

    find: kept,

    list: ({ after, limit }) => table.list(after, limit),

    async change({ id, version }, registration, now) {
      const judged = await judgeRegistration(registration, { issuer })
      if (!judged.ok) return judged
      const application = isApplicationId(id)
        ? await table.replace({ id, version }, judged.content, now)
        : undefined
      if (application === undefined) return ok(await failure(id))
      await prepareFor(application, now)
      if (!usesSecret(application)) {
        await secrets.removeAll(id)
        return ok(ok({ application, secret: undefined }))
      }
      const isWithout = (await secrets.validHashes(id, now)).length === 0
      const secret = isWithout ? newSecret() : undefined
      if (secret !== undefined) await secrets.insertion(await hashed(secret, id), now).run()
      return ok(ok({ application, secret }))
    },

    async remove(id, version, now = systemClock()) {
      const isRemoved = isApplicationId(id) && (await table.remove(id, version, now))
      return isRemoved ? ok(undefined) : failure(id)
    },

    async setStatus(id, status, now) {
      const application = isApplicationId(id) ? await table.setStatus(id, status, now) : undefined
      return application === undefined ? refuse('unknown_application') : ok(application)
    },

    async rotateSecret({ id, overlapSeconds }, now) {
      const application = await kept(id)
      if (application === undefined) return refuse('unknown_application')
      if (!usesSecret(application)) return refuse('no_secret_used')
      const secret = newSecret()
      try {
        const ends = { endsAt: now + overlapSeconds, now }
        const isAdded = await secrets.rotate(await hashed(secret, id), ends)
        return isAdded ? ok(secret) : refuse('too_many_secrets')
      } catch (thrown) {
        // Removed between the two looks at it.
        if (/FOREIGN KEY constraint/.test(String(thrown))) return refuse('unknown_application')
        throw thrown
      }
    },

    secretsOf: (id, now) => secrets.list(id, now),

    async removeSecret({ id, secretId }, now) {
      const removed = await secrets.remove(id, secretId, now)
      if (removed === 'unknown') return refuse('unknown_secret')
      return removed === 'removed' ? ok(undefined) : refuse('last_secret')
    },
  }
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

function judgeCredentials(
  { clientId, clientSecret }: BroughtCredentials,
  { oauth }: Registration,
): readonly RegistrationProblem[] {
  const problems: RegistrationProblem[] = []
  if (clientId !== undefined && !isApplicationId(clientId)) {
    problems.push({ pointer: '/client_id', detail: 'is not 1 to 128 of A-Z a-z 0-9 . _ ~ -' })
  }
  if (clientId !== undefined && isTakenName(clientId)) {
    problems.push({ pointer: '/client_id', detail: 'is of the shape of a name of ours' })
  }
  if (clientSecret === undefined) return problems
  const report = (detail: string) => problems.push({ pointer: '/client_secret', detail })
  const method = oauth?.tokenEndpointAuthMethod ?? 'client_secret_basic'
  if (oauth === undefined || !method.startsWith('client_secret_')) {
    report('is not used by this application')
  } else if (!/^[\x21-\x7e]{32,256}$/.test(clientSecret) || new Set(clientSecret).size < 10) {
    report('is not 32 to 256 visible ASCII characters, 10 different ones among them')
  }
  return problems
}
