/**
 * How a grant is minted and taken, inside the user's object. One order of checks for every kind: whose it
 * is, whether its session lives, whether it was taken before, and only then what may cost its holder the
 * grant. Every function here runs inside one transaction, under a session that was just found to be live.
 */
import type { EpochSeconds } from '../../platform/clock.ts'
import { isSameHash } from '../../platform/digest.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { findConsent, noteConsentUsed } from './consents-table.ts'
import { coversConsent } from './covers-consent.ts'
import { forgetDue } from './deliveries-table.ts'
import { endFamilies } from './grant-ends.ts'
import type {
  AskedContent,
  GrantBinding,
  GrantContent,
  GrantKind,
  GrantRefusal,
  NeededConsent,
  NewGrant,
  Participation,
} from './grant.ts'
import { advanceGrant, extendTokensOf, insertGrant, surplusGrants } from './grants-table.ts'
import type { GrantRow } from './grants-table.ts'
import { judgeResource } from './judge-resource.ts'
import { noteParticipant, noteParticipantUsed } from './participants-table.ts'
import type { Participant } from './participants-table.ts'
import { findOutsideEnd, isConsentOver } from './session-rules.ts'
import type { Ruled } from './session-rules.ts'
import type { SessionRow } from './sessions-table.ts'
import { tokensUntil } from './sessions-table.ts'
import type { UserRow } from './user-table.ts'

/**
 * C15: so long does a refresh token that was rotated give its successor again; and to whoever set out so long before
 * it was, since requests overtake one another.
 */
const RETRY_SECONDS = 10

/** What a handle says of the grant that it stands for. */
export interface PresentedGrant {
  readonly kind: GrantKind
  readonly grantId: string
  readonly generation: number
  /** 43 base64url characters. */
  readonly secretHash: string
}

/** What is handed out only if the grant is taken: made beforehand, because nothing may be awaited then. */
export interface SuccessorCandidate {
  readonly secretHash: string
  /** The handle itself, sealed; kept for a retry. */
  readonly sealed?: string
  readonly lifetimeSeconds: number
  /** The first refresh token of a public client is bound to the key that took the code. */
  readonly isKeyBound: boolean
}

export interface Taking extends Ruled {
  readonly presented: PresentedGrant
  readonly by: GrantBinding
  readonly participation?: Participation | undefined
  readonly successor?: SuccessorCandidate | undefined
  readonly asked?: AskedContent | undefined
  readonly now: EpochSeconds
}

export interface MintedGrant {
  readonly grantId: string
  readonly family: string
  readonly secretHash: string
  /** Its content as JSON, because types do not hold what is unknown across RPC. */
  readonly grant: Omit<NewGrant, 'content'> & { readonly content: string }
  readonly participation?: Participation | undefined
}

/** `sealedSuccessor`: the one that was handed out before, where that is the answer again. */
export interface Taken {
  readonly family: string
  readonly binding: GrantBinding
  readonly content: string
  readonly sealedSuccessor?: string
}

/** Where a handle stands in its grant's line of descent. */
type Standing = 'present' | 'retried' | 'reused'

/** The grant must be there and the handle one of its own; nothing changes. */
export function standingOf(
  grant: GrantRow | undefined,
  { kind, generation, secretHash }: PresentedGrant,
  now: EpochSeconds,
): Result<Standing, 'unknown'> {
  if (grant === undefined || generation > grant.generation) return refuse('unknown')
  const { takenAt = 0, sealedSuccessor } = grant
  if (generation === grant.generation) {
    const isIt = kind === grant.kind && isSameHash(grant.secretHash, secretHash)
    return isIt ? ok('present') : refuse('unknown')
  }
  // That those before the last were ours, their authentication code has said: their hashes are not kept.
  if (generation < grant.generation - 1) return ok('reused')
  if (!isSameHash(grant.previousHash, secretHash)) return refuse('unknown')
  const isInTime = Math.abs(now - takenAt) <= RETRY_SECONDS
  return ok(sealedSuccessor !== undefined && isInTime ? 'retried' : 'reused')
}

/** Whether a rule from outside has ended what the application was granted then. */
export function findGrantEnd(
  user: UserRow,
  session: SessionRow,
  grant: Pick<GrantRow, 'applicationId' | 'createdAt'>,
  { rules, now }: Ruled & { readonly now: EpochSeconds },
) {
  if (rules === undefined) return undefined
  const { applicationId, createdAt: issuedAt } = grant
  const { providerId } = session.authentication
  return findOutsideEnd(
    { userId: user.id, sid: session.sid, providerId, applicationId, issuedAt },
    rules,
    now,
  )
}

/** Whether the consent that something rests on is not there, or does not go so far. */
export function isConsentMissing(
  sql: SqlStorage,
  applicationId: string,
  needed: NeededConsent | undefined,
  { rules }: Ruled,
): boolean {
  if (needed === undefined) return false
  const given = findConsent(sql, applicationId)
  return given === undefined || isConsentOver(given, rules) || !coversConsent(given, needed)
}

/** Mints a grant; of too many some give way, with all that came from them. */
export function mintGrant(
  sql: SqlStorage,
  user: UserRow,
  session: SessionRow,
  { grantId: id, family, secretHash, grant, participation }: MintedGrant,
  question: Ruled & { readonly now: EpochSeconds },
): Result<undefined, 'no_session' | 'no_consent'> {
  const { kind, binding, content, lifetimeSeconds, needsConsent, asOf = question.now } = grant
  const { applicationId } = binding
  const { sid, epoch, absoluteDeadlineAt } = session
  const { now } = question
  const createdAt = Math.min(asOf, now)
  const cause = findGrantEnd(user, session, { applicationId, createdAt }, question)
  if (cause !== undefined) return refuse('no_session', { cause })
  if (isConsentMissing(sql, applicationId, needsConsent, question)) return refuse('no_consent')
  const surplus = surplusGrants(sql, applicationId, sid, now)
  endFamilies(sql, user, [...new Set(surplus.map((row) => row.family))], now)
  insertGrant(sql, {
    id,
    family,
    kind,
    sid,
    epoch,
    secretHash,
    binding,
    content,
    createdAt,
    expiresAt: Math.min(now + lifetimeSeconds, absoluteDeadlineAt),
    // Whoever mints a refresh token hands out an access token with it.
    tokensUntil: kind === 'refresh_token' ? tokensUntil(user, now) : 0,
  })
  if (participation !== undefined) noteUse(sql, sid, participation, content, now)
  return ok(undefined)
}

/** Takes a grant for good, with everything that follows from it; or refuses, which may cost the grant. */
export function takeGrant(
  sql: SqlStorage,
  user: UserRow,
  session: SessionRow,
  grant: GrantRow,
  taking: Taking,
): Result<Taken, GrantRefusal> {
  const { presented, by, participation, now } = taking
  const { family, binding, content } = grant
  const cause = findGrantEnd(user, session, grant, taking)
  if (cause !== undefined) return refuse('no_session', { cause })
  const standing = standingOf(grant, presented, now)
  if (!standing.ok) return standing
  if (standing.value === 'reused') {
    if (presented.kind !== 'handoff_ticket') endFamilies(sql, user, [family], now)
    return refuse('reused', { kind: presented.kind, family })
  }
  if (grant.kind !== 'refresh_token' && binding.redirectUri !== by.redirectUri) {
    return refuse('not_bound', { check: 'redirect_uri' })
  }
  if (now >= grant.expiresAt) return refuse('expired')
  const wrong = findWrongProof(grant, by)
  if (wrong !== undefined) {
    if (grant.kind === 'authorization_code') endFamilies(sql, user, [family], now)
    return refuse('wrong_proof', { check: wrong })
  }
  const beyond = taking.asked && findBeyond(content, taking.asked)
  if (beyond !== undefined) return refuse('not_granted', { check: beyond })
  const until = tokensUntil(user, now)
  if (participation !== undefined) noteUse(sql, session.sid, participation, content, now)
  else noteParticipantUsed(sql, session.sid, grant.applicationId, now)
  noteConsentUsed(sql, grant.applicationId, now)
  if (standing.value === 'retried') {
    extendTokensOf(sql, grant.id, until)
    return ok({ family, binding, content, sealedSuccessor: grant.sealedSuccessor! })
  }
  const successor = taking.successor && {
    secretHash: taking.successor.secretHash,
    sealed: taking.successor.sealed,
    binding: grant.kind === 'refresh_token' ? binding : refreshBinding(by, taking.successor),
    expiresAt: Math.min(now + taking.successor.lifetimeSeconds, session.absoluteDeadlineAt),
  }
  advanceGrant(sql, grant, { takenAt: now, tokensUntil: until, ...(successor && { successor }) })
  return ok({ family, binding, content })
}

/** RFC 7636 §4.6; a verifier for a code that asked for none is refused as well (RFC 9700 §4.8.2). */
function findWrongProof({ kind, binding }: GrantRow, by: GrantBinding): string | undefined {
  if (kind === 'authorization_code' && binding.codeChallenge !== by.codeChallenge) {
    return 'code_verifier'
  }
  return binding.jkt !== undefined && binding.jkt !== by.jkt ? 'dpop_key' : undefined
}

/** What is asked for beyond the content, or beyond what the application may have now (RFC 6749 §6, RFC 8707 §2.2). */
function findBeyond(content: string, asked: AskedContent): string | undefined {
  const granted = JSON.parse(content) as GrantContent
  const scope = asked.scope ?? granted.scope
  if (scope.some((value) => !granted.scope.includes(value))) return 'scope'
  if (scope.length > 0 && !scope.some((value) => asked.scopes.includes(value))) return 'scope'
  const wrong = judgeResource(granted.resource, asked)
  return wrong && { not_granted: 'resource', not_registered: 'resource_registered' }[wrong]
}

const refreshBinding = (
  { applicationId, jkt }: GrantBinding,
  { isKeyBound }: SuccessorCandidate,
): GrantBinding => ({ applicationId, ...(isKeyBound && jkt !== undefined && { jkt }) })

function noteUse(
  sql: SqlStorage,
  sid: SessionRow['sid'],
  participation: Participation,
  content: string,
  now: EpochSeconds,
): void {
  const { scope } = JSON.parse(content) as GrantContent
  takePart(sql, sid, participation, { scope, now })
}

/** Notes that an application takes part in a session, from now on. */
export function takePart(
  sql: SqlStorage,
  sid: SessionRow['sid'],
  participation: Participation,
  how: { readonly scope: readonly string[]; readonly now: EpochSeconds },
): Participant {
  forgetDue(sql, sid, participation)
  return noteParticipant(sql, sid, participation, how)
}
