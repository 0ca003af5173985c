/**
 * Signs many people in at once, without a provider, and answers their access tokens, issued by the key ring's key.
 *
 *   POST /sessions?people=100   real sessions in objects of their own, which publish their hints
 *   POST /hints?people=100      the hints alone, as such objects would publish them
 *   POST /tokens?people=100     so many tokens of one and the same session
 */
import { parseConfig } from '../../../src/config.ts'
import { createSessions } from '../../../src/core/sessions/sessions.ts'
import {
  revocationHintKey,
  serializeRevocationHint,
} from '../../../src/core/sessions/revocation-hint.ts'
import { newSessionId, newUserId } from '../../../src/core/sessions/session.ts'
import type { UserId } from '../../../src/core/sessions/session.ts'
import { createAccessTokens } from '../../../src/core/tokens/access-tokens.ts'
import { createKeys } from '../../../src/core/tokens/keys.ts'
import { systemClock } from '../../../src/platform/clock.ts'

export default {
  async fetch(request, env) {
    const parsed = parseConfig({ ...env })
    if (!parsed.ok) return Response.json(parsed.problems, { status: 500 })
    const { config } = parsed
    const { keyEncryptionKey, handleKey } = config.secrets
    const keys = createKeys({
      keyRing: env.KEY_RING,
      published: env.REVOCATION,
      keyEncryptionKey,
    })
    const accessTokens = createAccessTokens({ config, keys })
    const sessions = createSessions({
      userSessions: env.USER_SESSIONS,
      handleKey,
      deadlines: config.session,
      tokenLifetimeSeconds: config.accessToken.lifetimeSeconds,
    })

    const now = systemClock()
    const { id: providerId, issuer } = config.identityProviders[0]!

    async function openSession(userId: UserId): Promise<{ sid: string; epoch: number }> {
      const opened = await sessions.open({
        userId,
        authentication: { providerId, issuer, subject: userId, authTime: now },
        profile: { name: 'Somebody' },
        userAgent: undefined,
        continent: undefined,
        now,
      })
      if (!opened.ok) throw new Error(opened.refusal.code)
      return opened.value.session
    }

    async function publishHint(userId: UserId): Promise<{ sid: string; epoch: number }> {
      const hint = serializeRevocationHint({ version: now, epoch: now, revoked: [] })
      await env.REVOCATION.put(await revocationHintKey(userId), hint)
      return { sid: newSessionId(), epoch: now }
    }

    const { pathname, searchParams } = new URL(request.url)
    const begin = pathname === '/hints' ? publishHint : openSession

    async function signIn(): Promise<string> {
      const userId = newUserId()
      return issueToken(userId, await begin(userId))
    }

    async function issueToken(
      userId: UserId,
      { sid, epoch }: { readonly sid: string; readonly epoch: number },
    ): Promise<string> {
      const issued = await accessTokens.issue({
        sub: userId,
        sid,
        epoch,
        authTime: now,
        providerId,
        notAfter: now + config.session.absoluteSeconds,
        now,
      })
      if (!issued.ok) throw new Error(issued.refusal.code)
      return issued.value.token
    }

    const people = Number(searchParams.get('people'))
    if (pathname === '/tokens') {
      const userId = newUserId()
      const session = await openSession(userId)
      const issue = async () => issueToken(userId, session)
      return Response.json(await Promise.all(Array.from({ length: people }, issue)))
    }
    return Response.json(await Promise.all(Array.from({ length: people }, signIn)))
  },
} satisfies ExportedHandler<Env>
