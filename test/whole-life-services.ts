/** In `whole-life.test.ts`: what applications give back or lose, services that people are handed over to, and sites. */
import { expect } from 'vitest'
import type {
  ApplicationName,
  Connection,
  Handoff,
  Model,
  SharedToken,
} from './whole-life-model.ts'
import { grant, ISSUER, addAccessToken, sessionIn, step } from './whole-life-steps.ts'
import type { Client } from './whole-life-steps.ts'
import { browserOf } from './whole-life.ts'
import { requestService } from './world/service.ts'
import { check, told } from './world/socialize.ts'

export const revokeRefresh = (pick: number) =>
  step(
    `revoke refresh token(${pick})`,
    async (model, real) => {
      const { family, text } = model.pick(model.of('refresh token'), pick)!
      const name = family.application as Client
      const { status } = await real.asClient(name, '/oauth/revoke', { token: text })
      expect(status).toBe(model.isActive(name) ? 200 : 401)
      if (status === 200) family.isOver = true
    },
    (model) => model.of('refresh token').length > 0,
  )

const ofClients = (model: Model) =>
  model.of('access token').filter(({ family }) => family && family.application !== 'books')

export const revokeAccess = (pick: number) =>
  step(
    `revoke access token(${pick})`,
    async (model, real) => {
      const token = model.pick(ofClients(model), pick)!
      const name = token.family!.application as Client
      const { status } = await real.asClient(name, '/oauth/revoke', { token: token.text })
      expect(status).toBe(model.isActive(name) ? 200 : 401)
      if (status === 200) token.isRevoked = true
    },
    (model) => ofClients(model).length > 0,
  )

export const withdraw = (browser: number, name: ApplicationName) =>
  step(`withdraw(browser ${browser}, ${name})`, async (model, real) => {
    const session = sessionIn(model, browser)
    const answer = await browserOf(real, browser).request(
      `${ISSUER}/account/applications/disconnect`,
      {
        method: 'POST',
        from: ISSUER,
        body: new URLSearchParams({ application: real.idOf(name) }),
      },
    )
    expect(answer.status).toBe(303)
    if (session === undefined) return
    model.mayUse(session)
    model.cutOff(name, session.user)
  })

export const askTicket = (browser: number) =>
  step(`ticket(browser ${browser})`, async (model, real) => {
    const session = sessionIn(model, browser)
    const { status, body } = await requestService(browserOf(real, browser), real.books.id)
    if (session === undefined || !model.isActive('books'))
      return expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBe(200)
    model.mayUse(session)
    grant(model, session, { kind: 'ticket', text: String(body.token), application: 'books' })
  })

export const redeem = (pick: number) =>
  step(
    `redeem ticket(${pick})`,
    async (model, real) => {
      const ticket = model.pick(model.of('ticket'), pick)!
      const { family } = ticket
      const { status, body } = await real.books.verify(ticket.text)
      if (!model.isAlive(ticket)) {
        expect(status).toBeGreaterThanOrEqual(400)
        return
      }
      expect(status).toBe(200)
      family.generation = 1
      addAccessToken(model, String(body.access), {
        session: family.session,
        family,
        isForUserInfo: true,
      })
      const text = String(body.api_sid)
      const acknowledged = await real.books.ask('/api/v1/sso/login-acknowledgement/', {
        api_sid: text,
      })
      expect(acknowledged.status).toBe(200)
      const { session } = family
      model.takePart({ session, application: 'books', name: text })
      model.add<Handoff>({ kind: 'hand-off', text, session, isForgotten: false })
    },
    (model) => model.of('ticket').length > 0,
  )

export const leaveService = (pick: number) =>
  step(
    `service says they have left(${pick})`,
    async (model, real) => {
      const handoff = model.pick(model.of('hand-off'), pick)!
      const { status } = await real.books.ask('/api/v1/sso/logout/', { api_sid: handoff.text })
      if (!model.isActive('books')) return expect(status).toBeGreaterThanOrEqual(400)
      if (!model.isAlive(handoff)) return
      expect(status).toBe(200)
      model.signOut(handoff.session, 'books')
    },
    (model) => model.of('hand-off').length > 0,
  )

export const visitSite = (browser: number) =>
  step(`visit a site(browser ${browser})`, async (model, real) => {
    const session = sessionIn(model, browser)
    const answer = await check(browserOf(real, browser), real.site)
    expect(answer.status).toBe(session === undefined ? 303 : 200)
    if (session === undefined) return
    model.mayUse(session)
    const { token } = await told(answer)
    model.add<Connection>({
      kind: 'connection',
      text: token,
      session,
      until: model.now + 120,
      isTaken: false,
    })
  })

export const takeConnection = (pick: number) =>
  step(
    `take connection(${pick})`,
    async (model, real) => {
      const connection = model.pick(model.of('connection'), pick)!
      const answer = await real.askSite(real.site, 'GET', `/connections/${connection.text}.json`)
      expect(answer.status).toBe(model.isAlive(connection) ? 200 : 404)
      if (answer.status !== 200) return
      connection.isTaken = true
      model.identities.set(
        connection.session.user,
        String(answer.data.user.identity.identity_token),
      )
    },
    (model) => model.of('connection').length > 0,
  )

export const shareSession = (who: number) =>
  step(
    `share a session(person ${who})`,
    async (model, real) => {
      const user = model.users[who]!
      const path = `/sso/sessions/identities/${model.identities.get(user)}.json`
      const answer = await real.askSite(real.site, 'PUT', path, { sso_session: {} })
      expect(answer.status).toBe(user.isDisabled ? 409 : 201)
      if (answer.status !== 201) return
      model.end(model.liveSessionsOf(user).filter(({ isShared }) => isShared))
      const text = String(answer.data.sso_session.sso_session_token)
      const session = model.open(user, { sid: text, upstreamSid: '', isShared: true })
      model.add<SharedToken>({ kind: 'shared session', text, session })
    },
    (model) => model.identities.has(model.users[who]!),
  )

export const unshare = (pick: number) =>
  step(
    `end a shared session(${pick})`,
    async (model, real) => {
      const { text, session } = model.pick(model.of('shared session'), pick)!
      const path = `/sso/sessions/${text}.json?confirm_deletion=true`
      const { status } = await real.askSite(real.sibling, 'DELETE', path)
      expect(status).toBe(model.isLive(session) ? 200 : 404)
      model.signOut(session)
    },
    (model) => model.of('shared session').length > 0,
  )
