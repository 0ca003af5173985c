/**
 * The same check that the guard makes, for other Workers on the account: they bind to the entrypoint
 * `AccessCheck` and pass on what a request brought them. A caller is known by the `props` that its binding
 * was configured with, which it cannot choose itself:
 *
 *     [[services]]
 *     binding = "ACCESS"
 *     service = "drawbridge-production"
 *     entrypoint = "AccessCheck"
 *     props = { client = "orders-api" }
 */
import { WorkerEntrypoint } from 'cloudflare:workers'
import { accessAnswer } from './core/revocation/access-answer.ts'
import type { AccessAnswer } from './core/revocation/access-answer.ts'
import type { AccessRequest } from './core/revocation/check-access.ts'
import { providerIdsOf } from './core/revocation/cut-offs.ts'
import type { AccessTokenClaims } from './core/tokens/access-token.ts'
import type { HeldRecord } from './core/tokens/public-keys.ts'
import { gatewayFor } from './gateway.ts'
import { isJsonObject } from './platform/json-object.ts'
import { randomId } from './platform/random.ts'
import { ok, refuse } from './platform/refusal.ts'
import type { Refusal, Result } from './platform/refusal.ts'
import type { RequestFacts } from './platform/request-facts.ts'

export interface AccessCheckRequest {
  /** The `Authorization` header as it came; or, instead of it, the token alone. */
  readonly authorization?: string
  readonly token?: string
  /** For bound tokens: the `DPoP` header as it came, the request's method, and the public URL it was sent to. */
  readonly dpop?: string
  readonly method?: string
  readonly url?: string
  /** `bounded` unless said otherwise. */
  readonly level?: 'cached' | 'bounded' | 'strict'
  /** Scopes that the token must have, separated by blanks. */
  readonly scope?: string
}

/** `answer` is what the caller should tell its own client: status, `WWW-Authenticate` values, `Retry-After`. */
export type AccessCheckResult =
  | { readonly ok: true; readonly claims: AccessTokenClaims }
  | {
      readonly ok: false
      readonly error: string
      readonly requestId: string
      readonly answer?: AccessAnswer
    }

/** What a guard in another Worker (api-guard.ts) needs to know beside the token and the hint. */
export interface GuardRules extends HeldRecord {
  /** The identity providers that are configured: tokens of any other are over. */
  readonly providerIds: readonly string[]
}

export class AccessCheck extends WorkerEntrypoint<Env, { readonly client?: unknown }> {
  async check(request: AccessCheckRequest): Promise<AccessCheckResult> {
    const requestId = randomId()
    const { core } = gatewayFor(this.env)
    if (core === undefined) return { ok: false, error: 'misconfigured', requestId }

    const client = nameOfCaller(this.ctx.props)
    const facts: RequestFacts = {
      requestId,
      clientKey: `worker:${client ?? 'unknown'}`,
      waitUntil: (work) => this.ctx.waitUntil(work),
      continent: undefined,
    }
    const refused = async (refusal: Refusal, whose?: { sub: string; sid: string }) =>
      core.audit.record(facts, {
        event: 'access.refused',
        refusal,
        // As in the guard: logged, not stored.
        ...(whose === undefined ? {} : { sid: whose.sid }),
        facts: { client, token_user: whose?.sub },
      })

    if (client === undefined) {
      await refused({ code: 'unknown_caller' })
      return { ok: false, error: 'unknown_caller', requestId }
    }
    const parsed = parseRequest(request)
    if (parsed === undefined) {
      await refused({ code: 'invalid_request' })
      return { ok: false, error: 'invalid_request', requestId }
    }
    const decision = await core.accessChecks.check(parsed, core.clock())
    if (!decision.ok) {
      await refused(decision.refusal, decision.whose)
      const answer = accessAnswer(decision.refusal.code, parsed)
      return { ok: false, error: answer.error, requestId, answer }
    }
    const { sub, sid } = decision.value
    await core.audit.record(facts, {
      event: 'access.accepted',
      userId: sub,
      sid,
      facts: { client },
    })
    return { ok: true, claims: decision.value }
  }

  /**
   * The public keys, the cut-offs that ride with them, and the configured providers, as this isolate holds them.
   * `kid`: a key id that the caller does not know; if it is new here too, the key ring is asked.
   */
  async rules(
    kid?: unknown,
  ): Promise<Result<GuardRules, 'misconfigured' | 'unknown_caller' | 'unavailable'>> {
    const { core } = gatewayFor(this.env)
    if (core === undefined) return refuse('misconfigured')
    if (nameOfCaller(this.ctx.props) === undefined) return refuse('unknown_caller')
    const now = core.clock()
    if (kid !== undefined) await core.keys.publicKey(kid, 'ES256', now)
    const held = await core.keys.heldRecord(now)
    return held.ok ? ok({ ...held.value, providerIds: providerIdsOf(core.config) }) : held
  }
}

function nameOfCaller(props: unknown): string | undefined {
  const client = isJsonObject(props) ? props.client : undefined
  return typeof client === 'string' && /^[\w.-]{1,64}$/.test(client) ? client : undefined
}

/** What another Worker sent, each value of its type; undefined otherwise. Types do not hold across RPC. */
function parseRequest(value: unknown): AccessRequest | undefined {
  if (!isJsonObject(value)) return undefined
  const { authorization, token, dpop, method = 'GET', url = '', level = 'bounded', scope } = value
  if (!isTextOrAbsent(authorization) || !isTextOrAbsent(token)) return undefined
  if (authorization !== undefined && token !== undefined) return undefined
  if (!isTextOrAbsent(dpop) || !isTextOrAbsent(scope) || !SCOPE.test(scope ?? '')) return undefined
  if (typeof method !== 'string' || typeof url !== 'string') return undefined
  if (level !== 'cached' && level !== 'bounded' && level !== 'strict') return undefined
  const scheme = dpop === undefined ? 'Bearer' : 'DPoP'
  const presented = token === undefined ? authorization : `${scheme} ${token}`
  return { authorization: presented, dpop, method, url, level, scope }
}

/** RFC 6749 §3.3; it is quoted in the challenge. */
const SCOPE = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

const isTextOrAbsent = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string'
