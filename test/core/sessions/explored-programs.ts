/**
 * What can go on at once around one user, each as the steps that the code takes. Work that touches nothing
 * which others see (hashing, signing, a cookie on its way) is part of the step before it.
 */
import { expect } from 'vitest'
import { randomId } from '../../../src/platform/random.ts'
import type { Program } from '../../world/schedules.ts'
import { ISSUER } from './explored-user.ts'
import type { ExploredUser, SignIn } from './explored-user.ts'

type ExploredProgram = Program<ExploredUser>

/** The session that was there before, from the upstream session that logouts are about. */
const standing = (user: ExploredUser): SignIn => user.signIns[0]!

/** Somebody comes back from the provider: index, object, marker, and only then the cookie. */
export const login: ExploredProgram = (user) => {
  let signIn: SignIn
  return [
    () => {
      signIn = user.begin()
    },
    () => user.index(signIn),
    () => user.open(signIn),
    async () => {
      const isSignedOut = await user.lookForMarker(signIn)
      if (isSignedOut) {
        const now = user.now()
        user.leave(user.object.endSession({ sid: signIn.sid, cause: 'provider_back_channel', now }))
        expect(signIn.isDoomed, 'only a sign-in that a logout concerns is refused').toBe(true)
        signIn.isEnded = true
        return
      }
      signIn.isHandedOut = true
      const live = user.use(signIn)
      expect(live !== undefined).toBe(user.oughtToLive(signIn))
      if (live !== undefined) user.mint(signIn, live)
    },
  ]
}

/** The bridge asks for the session, signs a token with the epoch it was told, and the page uses it. */
export const mint: ExploredProgram = (user) => {
  const signIn = standing(user)
  let minted: ReturnType<ExploredUser['mint']> | undefined
  return [
    () => {
      const ought = user.oughtToLive(signIn)
      const live = user.use(signIn)
      expect(live !== undefined).toBe(ought)
      if (live !== undefined) minted = user.mint(signIn, live)
    },
    () => {
      if (minted === undefined) return
      const ought = user.now() < minted.claims.exp && user.oughtToLive(signIn)
      expect(user.isAcceptedAtStrict(minted)).toBe(ought)
    },
  ]
}

export const renew: ExploredProgram = (user) => [
  () => {
    const ought = user.oughtToLive(standing(user))
    expect(user.use(standing(user)) !== undefined).toBe(ought)
  },
]

const markerOf = (user: ExploredUser, jti: string) => ({
  issuer: ISSUER,
  jtiHash: jti,
  tokenHash: jti,
  issuedAt: user.now(),
  receivedAtMilliseconds: user.nowMilliseconds(),
})

/** A logout token that names only the upstream session: marker, index, object. */
export const logoutBySid: ExploredProgram = (user) => {
  const jti = randomId()
  const { upstreamSid } = user
  return [
    async () => {
      const marker = markerOf(user, jti)
      const named = { subject: undefined, upstreamSid }
      const marked = await user.earlyLogouts.mark({ ...marker, ...named, scope: 'session' })
      expect(marked.ok).toBe(true)
      user.doomUpstreamSession()
    },
    async () => {
      const named = { issuer: ISSUER, subject: undefined, upstreamSid }
      const found = await user.users.findSignedOut({ ...named, now: user.now() })
      expect(found).toEqual({ ok: true, value: [user.userId] })
    },
    () => {
      user.endForProvider({ scope: 'session', upstreamSid }, jti)
      user.cut(user.isNamed)
    },
  ]
}

/** A logout token that names the person: marker, then the object. (Whose it is has long been settled.) */
export const logoutBySub: ExploredProgram = (user) => {
  const jti = randomId()
  const { subject } = user
  return [
    async () => {
      const marker = markerOf(user, jti)
      const named = { subject, upstreamSid: undefined }
      const marked = await user.earlyLogouts.mark({ ...marker, ...named, scope: 'user' })
      expect(marked.ok).toBe(true)
      user.doomAll()
    },
    async () => {
      const named = { issuer: ISSUER, subject, upstreamSid: undefined }
      const found = await user.users.findSignedOut({ ...named, now: user.now() })
      expect(found).toEqual({ ok: true, value: [user.userId] })
      user.endForProvider({ scope: 'user', subject }, jti)
      user.cut()
    },
  ]
}

export const endAll: ExploredProgram = (user) => [
  () => {
    user.leave(user.object.endAllSessions({ cause: 'person', now: user.now() }))
    user.cut()
  },
]

/** The standing session runs out, unless it was renewed before; then the alarm rings. */
export const expiry: ExploredProgram = (user) => [
  () => user.pass(60),
  () => user.leave(user.object.alarm()),
]

/** The one write to KV that is on its way arrives in this moment, or fails in it. */
export const hintLands: ExploredProgram = (user) => [() => user.settleHint('land')]
export const hintFails: ExploredProgram = (user) => [() => user.settleHint('fail')]
