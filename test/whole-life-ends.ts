/** What ends something in `whole-life.test.ts`: people, applications, providers, operators, and time. */
import { evictDurableObject } from 'cloudflare:test'
import { expect } from 'vitest'
import type { UserId } from '../src/core/sessions/session.ts'
import { ring } from './core/sessions/published-hint.ts'
import { objectOf, sessionsOf } from './core/sessions/signed-in-user.ts'
import { logoutUrl } from './openid-provider/logout/participant.ts'
import { deliverToken } from './sign-out/logout-delivery.ts'
import { APPLICATIONS } from './whole-life-model.ts'
import type { ApplicationName, Model } from './whole-life-model.ts'
import { settleDoubts, step, passTime, sessionIn, ISSUER } from './whole-life-steps.ts'
import type { Client } from './whole-life-steps.ts'
import { browserOf, HELD_SECONDS } from './whole-life.ts'
import type { Answer, Real } from './whole-life.ts'
import { logoutToken } from './world/logout-token.ts'

export const signOut = (browser: number) =>
  step(`sign out(browser ${browser})`, async (model, real) => {
    const answer = await browserOf(real, browser).request(`${ISSUER}/auth/sso/logout`, {
      method: 'POST',
      from: ISSUER,
    })
    expect(answer.status).toBe(303)
    const session = sessionIn(model, browser)
    if (session !== undefined) model.signOut(session)
    model.browsers[browser] = undefined
  })

export const signOutEverywhere = (browser: number, but: boolean) =>
  step(`sign out ${but ? 'elsewhere' : 'everywhere'}(browser ${browser})`, async (model, real) => {
    const session = sessionIn(model, browser)
    const path = `/auth/sessions${but ? '?except=current' : ''}`
    const { status } = await browserOf(real, browser).fetch(path, { method: 'DELETE' })
    expect(status).toBe(session === undefined ? 401 : 204)
    if (session === undefined) return
    model.end(model.liveSessionsOf(session.user).filter((each) => !but || each !== session))
  })

export const endOwn = (browser: number, pick: number) =>
  step(
    `end one(browser ${browser}, ${pick})`,
    async (model, real) => {
      const session = sessionIn(model, browser)
      const target = model.pick(model.sessions, pick)!
      if (target.isShared) return
      const { status } = await browserOf(real, browser).fetch(`/auth/sessions/${target.sid}`, {
        method: 'DELETE',
      })
      if (session === undefined) return expect(status).toBe(401)
      if (session.user !== target.user) return expect(status).toBe(404)
      if (model.isLive(target)) expect(status).toBe(204)
      model.signOut(target)
    },
    (model) => model.sessions.length > 0,
  )

const withIdTokens = (model: Model) =>
  model.families.filter(({ idToken, application }) => idToken && model.isActive(application))

export const leaveApplication = (browser: number, pick: number) =>
  step(
    `an application signs out(browser ${browser}, ${pick})`,
    async (model, real) => {
      const family = model.pick(withIdTokens(model), pick)!
      const session = sessionIn(model, browser)
      const { origin } = real.clients[family.application as Client]
      const parameters = {
        id_token_hint: family.idToken!,
        post_logout_redirect_uri: `${origin}/bye`,
      }
      const answer = await browserOf(real, browser).request(logoutUrl(parameters), { from: origin })
      if (session === undefined || session !== family.session) return
      expect(answer.status).toBe(303)
      model.signOut(session)
      model.browsers[browser] = undefined
    },
    (model) => withIdTokens(model).length > 0,
  )

const own = (model: Model) => model.sessions.filter(({ isShared }) => !isShared)

export const upstreamLogout = (pick: number, names: 'sid' | 'sub' | 'both') =>
  step(
    `the provider says that they have left(${pick}, ${names})`,
    async (model, real) => {
      const { user, upstreamSid } = model.pick(own(model), pick)!
      const provider = real[user.provider]
      const token = await logoutToken(provider, {
        ...(names !== 'sid' && { sub: user.subject }),
        ...(names !== 'sub' && { sid: upstreamSid }),
      })
      expect((await deliverToken(real, token, provider)).status).toBe(200)
      const live = model.liveSessionsOf(user)
      if (user.provider === 'otrotl' || names === 'sub') return model.end(live)
      for (const session of live) if (session.upstreamSid === upstreamSid) model.signOut(session)
    },
    (model) => own(model).length > 0,
  )

export const frame = (pick: number) =>
  step(
    `the provider shows its frame(${pick})`,
    async (model, real) => {
      const session = model.pick(own(model), pick)!
      const { issuer, config } = real[session.user.provider]
      const query = new URLSearchParams({ iss: issuer, sid: session.upstreamSid })
      const url = `${ISSUER}/auth/sso/frontchannel-logout/${config.id}?${query.toString()}`
      const headers = { 'sec-fetch-dest': 'iframe' }
      expect((await real.fetch(new Request(url, { headers }))).status).toBe(200)
      model.signOut(session)
    },
    (model) => own(model).length > 0,
  )

const ofUser = (
  name: string,
  who: number,
  ask_: (real: Real, id: string) => Promise<Answer>,
  then: (model: Model, user: Model['users'][number]) => void,
) =>
  step(
    `${name}(person ${who})`,
    async (model, real) => {
      const user = model.users[who]!
      expect((await ask_(real, user.id!)).status).toBeLessThan(300)
      then(model, user)
    },
    (model) => model.users[who]!.id !== undefined,
  )

export const endAll = (who: number) =>
  ofUser(
    'an operator ends all sessions',
    who,
    (real, id) => real.admin('DELETE', `/users/${id}/sessions`),
    (model, user) => model.end(model.liveSessionsOf(user)),
  )

export const disable = (who: number) =>
  ofUser(
    'an operator disables',
    who,
    (real, id) => real.admin('POST', `/users/${id}/disable`),
    (model, user) => {
      model.end(model.liveSessionsOf(user))
      user.isDisabled = true
    },
  )

export const enable = (who: number) =>
  ofUser(
    'an operator enables',
    who,
    (real, id) => real.admin('POST', `/users/${id}/enable`),
    (_model, user) => {
      user.isDisabled = false
    },
  )

export const endOne = (pick: number) =>
  step(
    `an operator ends one(${pick})`,
    async (model, real) => {
      const session = model.pick(own(model), pick)!
      const { sid, user } = session
      const { status } = await real.admin('DELETE', `/users/${user.id}/sessions/${sid}`)
      if (model.isLive(session)) expect(status).toBe(200)
      model.signOut(session)
    },
    (model) => own(model).length > 0,
  )

type Scope = 'everyone' | 'otrotl' | 'second' | ApplicationName
const isOfApplication = (scope: Scope): scope is ApplicationName =>
  APPLICATIONS.includes(scope as ApplicationName)

/** It is told from what it ends by time: a second before and after it nothing happens. */
export const cutOff = (scope: Scope, isCarried: boolean) =>
  step(
    `cut off ${scope}${isCarried ? '' : ', not carried yet'}`,
    async (model, real) => {
      passTime(model, 1)
      const body =
        scope === 'everyone'
          ? { scope }
          : isOfApplication(scope)
            ? { scope: 'application', id: real.idOf(scope) }
            : { scope: 'provider', id: scope }
      const { status } = await real.admin('POST', '/cut-offs', { ...body, reason: 'operator' })
      expect(status).toBe(202)
      passTime(model, 1)
      if (isCarried) await real.carry()
      if (isOfApplication(scope)) return model.cutOff(scope)
      for (const user of model.users)
        if (scope === 'everyone' || user.provider === scope) model.end(model.liveSessionsOf(user))
    },
    (model) => !isOfApplication(scope) || model.applications.get(scope) !== 'removed',
  )

export const switchApplication = (name: ApplicationName, to: 'disable' | 'enable' | 'remove') =>
  step(
    `an operator: ${to} ${name}`,
    async (model, real) => {
      passTime(model, 1)
      const path = `/applications/${real.idOf(name)}`
      const { status } =
        to === 'remove'
          ? await real.admin('DELETE', path)
          : await real.admin('POST', `${path}/${to}`)
      expect(status).toBeLessThan(300)
      passTime(model, 1)
      await real.carry()
      model.applications.set(
        name,
        to === 'remove' ? 'removed' : to === 'disable' ? 'disabled' : 'active',
      )
      if (to !== 'enable') model.cutOff(name)
    },
    (model) => model.applications.get(name) !== 'removed',
  )

export const rotateKey = () =>
  step('rotate the signing key', async (_model, real) => {
    // Refused while the next key has not been published for long enough.
    expect([200, 409]).toContain((await real.admin('POST', '/keys/rotate')).status)
  })

export const compromise = (pick: number) =>
  step(
    `a signing key is compromised(${pick})`,
    async (model, real) => {
      const { kid } = model.pick(model.of('access token'), pick)!
      const { status } = await real.admin('POST', `/keys/${kid}/compromise`)
      expect([200, 404]).toContain(status)
      model.compromised.add(kid)
    },
    (model) => model.of('access token').length > 0,
  )

/** After the time that is stated for it, other places know as much as this one. */
export const hearElsewhere = () =>
  step('other places hear of it', async (model, real) => {
    passTime(model, HELD_SECONDS)
    await settleDoubts(model, real)
    await Promise.all(
      model.of('access token').map(async (token, at) => {
        if (token.isForUserInfo) return
        const expected = model.isAlive(token)
        for (const level of ['bounded', 'cached'] as const) {
          const isGood = await real.isAccepted(real.elsewhere, level, token.text)
          expect(isGood, `${at} at ${level}`).toBe(expected)
        }
      }),
    )
  })

export const advance = (seconds: number) =>
  step(`advance(${seconds})`, async (model) => passTime(model, seconds))

export const ringAll = () =>
  step('alarms', async (model, real) => {
    await real.carry()
    for (const id of model.everybody) await ring(id as UserId)
  })

export const evict = (who: number) =>
  step(
    `evict(person ${who})`,
    async (model) => {
      const userId = model.users[who]!.id as UserId
      // Only an object that runs can be evicted.
      await sessionsOf().list(userId, model.now)
      await evictDurableObject(await objectOf(userId))
    },
    (model) => model.users[who]!.id !== undefined,
  )

export const erase = (who: number) =>
  ofUser(
    'an operator erases',
    who,
    (real, id) => real.admin('DELETE', `/users/${id}`),
    (model, user) => {
      model.end(model.liveSessionsOf(user))
      model.forget(user)
    },
  )

export const changePassword = (who: number) =>
  ofUser(
    'an operator sets a password',
    who,
    (real, id) =>
      real.admin('PUT', `/users/${id}/password`, {
        username: `person-${who}`,
        password: 'correct horse battery',
      }),
    (model, user) => model.end(model.liveSessionsOf(user)),
  )
