/**
 * Applications as they are asked about at every request: the registration with the hashes of its client secrets, from
 * the memory of this isolate, which is at most KNOWN_SECONDS old.
 *
 * What is taken away (a secret, a redirect URI, the whole application) is therefore honoured for so long in other
 * isolates, and in the one where the operator was answered not at all: whoever writes a registration forgets what is
 * known of it. What is added holds at once everywhere, because a "no" by memory is not given before the
 * directory was asked. A grant counts as given when the registration was read under which it is given (`asOf`):
 * so the cut-off that goes with a disabling or a removal ends also what was given by memory after it; and
 * where it is known already, what was read before it is not used.
 */
import { askDirectory } from '../../platform/ask-directory.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { isSameHash, sha256Base64url } from '../../platform/digest.ts'
import { LeastRecentlyUsed } from '../../platform/lru.ts'
import { ok } from '../../platform/refusal.ts'
import type { Refusal, Refused } from '../../platform/refusal.ts'
import type { Application, OAuthApplication } from './application.ts'
import { isApplicationId } from './application-id.ts'
import { createApplicationsTable } from './applications-table.ts'
import { createRotatedSecretsTable } from './rotated-secrets-table.ts'
import type { KeptSecret } from './rotated-secrets-table.ts'

/** As long as an isolate trusts its copy of the public keys, in which the mass cut-offs come. */
export const KNOWN_SECONDS = 30

/** A few kilobytes each. */
const MOST_KNOWN = 500

/** Longer is nobody's: no registration takes such a secret. */
export const LONGEST_SECRET_CHARACTERS = 512

/** A registration as it was at one moment. */
export interface KnownApplication {
  readonly application: Application
  readonly secrets: readonly KeptSecret[]
  /** Just before it was read. */
  readonly asOf: EpochSeconds
}

/** By the registration, or by there being none. Pure, but for what counts once and was good. */
type Judge<Verdict> = (known: KnownApplication | undefined) => Verdict | Promise<Verdict>

export interface KnownApplications {
  /**
   * The verdict by memory, if it is a yes; or else by the directory. Where something else could not be asked, it is
   * not asked twice: what counts once may have been counted.
   */
  judge<Verdict extends { readonly ok: boolean; readonly refusal?: Refusal }>(
    id: string,
    judge: Judge<Verdict>,
    now: EpochSeconds,
  ): Promise<Verdict | Refused<'unavailable'>>
  /** The verdict by the directory. */
  judgeAnew: KnownApplications['judge']
}

interface Memory {
  readonly known: LeastRecentlyUsed<string, KnownApplication>
  /** Raised whenever something is forgotten: what was being read then may be out of date. */
  turn: number
}

/** One for all who ask a directory in this isolate. */
const memories = new WeakMap<D1Database, Memory>()

function memoryOf(directory: D1Database): Memory {
  let memory = memories.get(directory)
  if (memory === undefined) {
    memory = { known: new LeastRecentlyUsed(MOST_KNOWN), turn: 0 }
    memories.set(directory, memory)
  }
  return memory
}

/** Called by whoever has written to an application's registration or secrets, or has failed to. */
export function forgetApplication(directory: D1Database, id: string): void {
  const memory = memoryOf(directory)
  memory.turn += 1
  memory.known.delete(id)
}

export function createKnownApplications({
  directory,
  lastCutOff,
}: {
  readonly directory: D1Database
  /** When all that the application had was ended last, in epoch milliseconds, as far as this isolate knows. */
  readonly lastCutOff: (id: string, now: EpochSeconds) => Promise<number | undefined>
}): KnownApplications {
  const table = createApplicationsTable(directory)
  const secretsTable = createRotatedSecretsTable(directory, 'application_secrets')
  const memory = memoryOf(directory)

  /** One round trip, also for an id that nobody can have: all wrong guesses cost the same. */
  const read = (id: string, now: EpochSeconds) =>
    askDirectory(async () => {
      const { turn } = memory
      const [rows, hashes] = await directory.batch([table.reading(id), secretsTable.reading(id)])
      const application = isApplicationId(id) ? table.fromReading(rows) : undefined
      if (application === undefined) return ok(undefined)
      const known = { application, secrets: secretsTable.fromReading(hashes), asOf: now }
      const isCurrent = memory.turn === turn
      if (isCurrent && application.status === 'active') memory.known.set(id, known)
      return ok(known)
    })

  /** A clock that went back makes what is known old, not for ever young. */
  async function findKnown(id: string, now: EpochSeconds): Promise<KnownApplication | undefined> {
    const known = memory.known.get(id)
    if (known === undefined || now < known.asOf || now >= known.asOf + KNOWN_SECONDS)
      return undefined
    const cutOffAt = (await lastCutOff(id, now)) ?? -Infinity
    return known.asOf * 1000 > cutOffAt ? known : undefined
  }

  const judgeAnew: KnownApplications['judge'] = async (id, judge, now) => {
    const found = await read(id, now)
    return found.ok ? judge(found.value) : found
  }

  return {
    async judge(id, judge, now) {
      const known = await findKnown(id, now)
      const verdict = known && (await judge(known))
      const isFinal = verdict?.ok === true || verdict?.refusal?.code === 'unavailable'
      return isFinal ? verdict : judgeAnew(id, judge, now)
    },
    judgeAnew,
  }
}

/** Whether it may act as an OAuth client: active, with that capability. */
export const isOAuthClient = (
  application: Application | undefined,
): application is OAuthApplication =>
  application?.status === 'active' && application.oauth !== undefined

/**
 * Whether this is one of the client secrets that are valid now. Constant-time; takes as long for an application
 * that has none, or that nobody knows.
 */
export async function isSecretOf(
  known: Pick<KnownApplication, 'secrets'> | undefined,
  secret: string,
  now: EpochSeconds,
): Promise<boolean> {
  const valid = (known?.secrets ?? []).filter(
    // Zero tolerance: a secret that ends now has ended.
    ({ expiresAt }) => expiresAt === null || expiresAt > now,
  )
  const isShort = secret !== '' && secret.length <= LONGEST_SECRET_CHARACTERS
  const presented = await sha256Base64url(isShort ? secret : '')
  // Every hash is compared, and none at all as one would be.
  const compared = valid.length === 0 ? [undefined] : valid.map(({ hash }) => hash)
  return compared.filter((hash) => isSameHash(hash, presented)).length > 0 && isShort
}
