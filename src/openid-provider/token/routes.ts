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
import { answerClient } from '../answer-client.ts'
import type { ClientCall, ClientCallParts } from '../client-call.ts'
import { createDeviceRequests } from '../device/device-request.ts'
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

  /** Answers an application by `answer`, which its own pages may read. */
  const forClient = (answer: (call: ClientCall, c: Call) => Promise<Response>) => (c: Call) =>
    answerClient(parts, c.req.raw, c.get('facts'), async (call) =>
      shareWithOwnPages(await answer(call, c), c.req.header('origin'), call),
    )

  app.post(
    TOKEN_PATH,
    forClient((call, c) =>
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
    forClient((call, c) => answerIntrospection(parts, call, c.get('facts'))),
  )

  app.post(
    REVOCATION_PATH,
    forClient((call, c) => answerRevocation(parts, call, c.get('facts'))),
  )

  const userInfo = async (c: Call) => answerUserInfo(parts, c.req.raw, c.get('facts'))
  app.get(USERINFO_PATH, userInfo)
  app.post(USERINFO_PATH, userInfo)
  app.on('OPTIONS', USERINFO_PATH, (c) => c.body(null, 204, USERINFO_CORS))

  return app
}
