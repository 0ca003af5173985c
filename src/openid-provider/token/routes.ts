/**
 * What applications call by themselves, and what they call with a token:
 *
 * - `POST /oauth/token`: a grant becomes tokens (token-request.ts)
 * - `POST /oauth/introspect`: what a token of theirs is worth now (introspect.ts)
 * - `POST /oauth/revoke`: a token of theirs is withdrawn (revoke.ts)
 * - `GET, POST /oauth/userinfo`: what may be told of the person behind a token (user-info.ts)
 *
 * Grants are minted at `/oauth/authorize`, and live and die in the user's object (core/sessions).
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { Config } from '../../config.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { KeptValues } from '../../core/references/kept-value.ts'
import { createDpopProofs } from '../../core/tokens/dpop-proof.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { readClientCall } from '../client-call.ts'
import type { ClientCall, ClientCallParts } from '../client-call.ts'
import { createDeviceRequests } from '../device/device-request.ts'
import { clientCallErrors, oauthErrorAnswer } from '../oauth-answer.ts'
import { answerIntrospection } from './introspect.ts'
import type { IntrospectionParts } from './introspect.ts'
import { answerRevocation } from './revoke.ts'
import type { RevocationParts } from './revoke.ts'
import { answerTokenRequest } from './answer-token-request.ts'
import { shareWithOwnPages } from './share-with-own-pages.ts'
import { TOKEN_PATH } from './token-request.ts'
import type { TokenRequestParts } from './token-request.ts'
import { USERINFO_CORS, answerUserInfo } from './user-info.ts'
import type { UserInfoParts } from './user-info.ts'

export const INTROSPECTION_PATH = '/oauth/introspect'
export const REVOCATION_PATH = '/oauth/revoke'
export const USERINFO_PATH = '/oauth/userinfo'

export type TokenRouteParts = Omit<
  TokenRequestParts,
  'proofs' | 'refreshLifetimeSeconds' | 'deviceRequests'
> &
  ClientCallParts &
  IntrospectionParts &
  RevocationParts &
  Omit<UserInfoParts, 'proofs'> & {
    readonly config: Pick<Config, 'session'>
    readonly keptValues: KeptValues
    readonly audit: Audit
  }

type Call = Context<{ Variables: RequestVariables }>

export function tokenRoutes(core: TokenRouteParts) {
  const parts = {
    ...core,
    // A memory of proofs for these endpoints: what strangers send here must not push out what the guard has seen.
    proofs: createDpopProofs(),
    deviceRequests: createDeviceRequests(core.keptValues),
    refreshLifetimeSeconds: core.config.session.absoluteSeconds,
  }
  const app = new Hono<{ Variables: RequestVariables }>()

  /** Runs `answer` for an application that has been authenticated; everybody else is told what they may know. */
  const forClient =
    (answer: (call: ClientCall, c: Call) => Promise<Response>) => async (c: Call) => {
      const facts = c.get('facts')
      const call = await readClientCall(parts, c.req.raw, facts)
      if (call.ok)
        return shareWithOwnPages(await answer(call.value, c), c.req.header('origin'), call.value)
      const { refusal } = call
      const event = refusal.code === 'rate_limited' ? 'rate.limited' : 'client.refused'
      await parts.audit.record(facts, { event, refusal, facts: { path: c.req.path } })
      return oauthErrorAnswer(clientCallErrors[refusal.code], facts.requestId)
    }

  app.post(
    TOKEN_PATH,
    forClient(async (call, c) =>
      answerTokenRequest(
        parts,
        { ...call, dpop: c.req.header('dpop'), userAgent: c.req.header('user-agent') },
        c.get('facts'),
        call.now,
      ),
    ),
  )

  app.post(
    INTROSPECTION_PATH,
    forClient(async (call, c) => answerIntrospection(parts, call, c.get('facts'))),
  )

  app.post(
    REVOCATION_PATH,
    forClient(async (call, c) => answerRevocation(parts, call, c.get('facts'))),
  )

  const userInfo = async (c: Call) => answerUserInfo(parts, c.req.raw, c.get('facts'))
  app.get(USERINFO_PATH, userInfo)
  app.post(USERINFO_PATH, userInfo)
  app.on('OPTIONS', USERINFO_PATH, (c) => c.body(null, 204, USERINFO_CORS))

  return app
}
