/**
 * Grants as features see them. They live in their user's object, under the session that they come from; here
 * their handles are made and judged, and what must not be awaited there is done beforehand: the successor of
 * a token goes along with the request, and is handed out only if the object says so.
 */
import { flatten } from '../../platform/ask-object.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { randomBytes, randomId, toHex } from '../../platform/random.ts'
import { createSeal } from '../../platform/seal.ts'
import { askUserSessions } from './ask-user-sessions.ts'
import type { GrantContent, GrantKind, Grants, NewGrant } from './grant.ts'
import { createHandleAuthenticator, mintHandle, parseHandle } from './handle.ts'
import type { HandleKind } from './handle.ts'
import { LONGEST_TOKEN_LIFETIME_SECONDS } from './session.ts'
import type { UserId } from './session.ts'
import { parseSessionHandle } from './session-handle.ts'
import type { AskingParts } from './session-rules.ts'
import type { PresentedGrant } from './take-grant.ts'

const HANDLE_KINDS: Readonly<Record<GrantKind, HandleKind>> = {
  authorization_code: 'c',
  refresh_token: 'r',
  device_code: 'd',
  handoff_ticket: 't',
  connection_token: 'n',
}

const ID_BYTES = 12
const ID_DIGITS = 2 * ID_BYTES
const GENERATION_DIGITS = 8

/** A grant's reference is its row and, in the last 32 bits, which of its generations. */
const referenceOf = (grantId: string, generation: number): string =>
  grantId + generation.toString(16).padStart(GENERATION_DIGITS, '0')

/**
 * What has not been answered by then may have been done all the same. Whoever is told to ask again in five seconds
 * is then in time for the same successor (RETRY_SECONDS), and not taken for a thief.
 */
const ROTATION_WAIT_MILLISECONDS = 3000

const parseContent = (content: string): GrantContent => JSON.parse(content) as GrantContent

export function createGrants({
  userSessions,
  handleKey,
  tokenLifetimeSeconds = LONGEST_TOKEN_LIFETIME_SECONDS,
  rules: rulesAt = async () => ok(undefined),
}: AskingParts): Grants {
  const authenticator = createHandleAuthenticator(handleKey)
  const successors = createSeal(handleKey, 'refresh-token-successor')

  async function parse(
    kind: GrantKind,
    handle: string,
  ): Promise<Result<{ userId: UserId; presented: PresentedGrant }, 'malformed'>> {
    const parsed = await parseHandle(authenticator, HANDLE_KINDS[kind], handle)
    if (!parsed.ok) return refuse('malformed', { handle: parsed.refusal.code })
    const { userId, reference, secretHash } = parsed.value
    const grantId = reference.slice(0, ID_DIGITS)
    const generation = Number.parseInt(reference.slice(ID_DIGITS), 16)
    return ok({ userId, presented: { kind, grantId, generation, secretHash } })
  }

  /** The refresh token that follows if this grant is taken now. */
  const mintSuccessor = (userId: UserId, { grantId, generation }: PresentedGrant) =>
    mintHandle(authenticator, 'r', { userId, reference: referenceOf(grantId, generation + 1) })

  /** A grant as its object keeps it, and the only copy of its handle. */
  async function makeGrant(userId: UserId, grant: NewGrant, family: string) {
    const grantId = toHex(randomBytes(ID_BYTES))
    const { handle, secretHash } = await mintHandle(authenticator, HANDLE_KINDS[grant.kind], {
      userId,
      reference: referenceOf(grantId, 0),
    })
    const kept = { ...grant, content: JSON.stringify(grant.content) }
    return { handle, minted: { grantId, family, secretHash, grant: kept } }
  }

  return {
    async mint({ userId, sid, grant, family = randomId(), participation, now }) {
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const { handle, minted: made } = await makeGrant(userId, grant, family)
      const minted = { ...made, participation }
      const question = { sid, rules: ruled.value, tokenLifetimeSeconds, minted, now }
      const done = flatten(
        await askUserSessions(userSessions, userId, async (object) => object.mintGrant(question)),
      )
      return done.ok ? ok({ handle, family }) : done
    },

    async mintBehind({ cookie, isUse, grant, now }) {
      const parsed = await parseSessionHandle(authenticator, cookie)
      if (!parsed.ok) return parsed
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const { userId, ...proof } = parsed.value
      const family = randomId()
      const { handle, minted } = await makeGrant(userId, grant, family)
      const question = { ...proof, isUse, minted, rules: ruled.value, tokenLifetimeSeconds, now }
      const done = flatten(
        await askUserSessions(userSessions, userId, async (object) => object.mintBehind(question)),
      )
      if (!done.ok) return done
      const { session, minted: outcome } = done.value
      return ok({ session, minted: outcome.ok ? ok({ handle, family }) : outcome })
    },

    async peek(kind, handle, now) {
      const parsed = await parse(kind, handle)
      if (!parsed.ok) return parsed
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const { userId, presented } = parsed.value
      const question = { presented, rules: ruled.value, now }
      const seen = flatten(
        await askUserSessions(userSessions, userId, async (object) => object.peekGrant(question)),
      )
      return seen.ok ? ok({ ...seen.value, content: parseContent(seen.value.content) }) : seen
    },

    async take({ kind, handle, presented: by, participation, refresh, now }) {
      const parsed = await parse(kind, handle)
      if (!parsed.ok) return parsed
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const { userId, presented } = parsed.value
      const next = refresh && (await mintSuccessor(userId, presented))
      const successor = next && { ...refresh, secretHash: next.secretHash }
      const question = { presented, by, participation, successor, rules: ruled.value, now }
      const taken = flatten(
        await askUserSessions(userSessions, userId, async (object) =>
          object.takeGrant({ ...question, tokenLifetimeSeconds }),
        ),
      )
      if (!taken.ok) return taken
      const content = parseContent(taken.value.content)
      return ok({ ...taken.value, content, ...(next && { refreshToken: next.handle }) })
    },

    async rotate({ handle, presented: by, asked, lifetimeSeconds, now }) {
      const parsed = await parse('refresh_token', handle)
      if (!parsed.ok) return parsed
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const { userId, presented } = parsed.value
      const next = await mintSuccessor(userId, presented)
      const sealed = await successors.seal(next.handle)
      const { secretHash } = next
      const successor = { secretHash, sealed, lifetimeSeconds, isKeyBound: false }
      const question = { presented, by, asked, successor, rules: ruled.value, now }
      const taken = flatten(
        await askUserSessions(
          userSessions,
          userId,
          async (object) => object.takeGrant({ ...question, tokenLifetimeSeconds }),
          { waitMilliseconds: ROTATION_WAIT_MILLISECONDS },
        ),
      )
      if (!taken.ok) return taken
      const { sealedSuccessor, ...kept } = taken.value
      const value = { ...kept, content: parseContent(kept.content) }
      if (sealedSuccessor === undefined) return ok({ ...value, refreshToken: next.handle })
      const refreshToken = await successors.unseal(sealedSuccessor)
      return typeof refreshToken === 'string'
        ? ok({ ...value, refreshToken })
        : refuse('unavailable')
    },

    async revoke({ kind, handle, applicationId, now }) {
      const parsed = await parse(kind, handle)
      if (!parsed.ok) return refuse('unknown', parsed.refusal.facts)
      const { userId, presented } = parsed.value
      const question = { presented, applicationId, now }
      return flatten(
        await askUserSessions(userSessions, userId, async (object) => object.revokeGrant(question)),
      )
    },

    async revokeTokens({ userId, id, now }) {
      const asked = await askUserSessions(userSessions, userId, async (object) =>
        object.revokeToken({ id, now }),
      )
      return asked.ok ? ok(undefined) : asked
    },

    async handoffs(userId, now) {
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const question = { rules: ruled.value, now }
      return askUserSessions(userSessions, userId, async (object) => object.listHandoffs(question))
    },

    async participate({ userId, sid, participation, scope = [], needsConsent, now }) {
      const ruled = await rulesAt(now)
      if (!ruled.ok) return ruled
      const question = { sid, participation, scope, needsConsent, rules: ruled.value, now }
      return flatten(
        await askUserSessions(userSessions, userId, async (object) =>
          object.participate({ ...question, tokenLifetimeSeconds }),
        ),
      )
    },
  }
}
