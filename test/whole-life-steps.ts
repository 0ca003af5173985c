/** What people, applications and sites do in `whole-life.test.ts`: whatever hands something out, or takes it. */
import type fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, vi } from 'vitest'
import { systemClock } from '../src/platform/clock.ts'
import { authorizeUrl, heard, press } from './openid-provider/authorization/asking.ts'
import { challengeOf, VERIFIER } from './openid-provider/token/token-world.ts'
import type {
  AccessToken,
  ApplicationName,
  Code,
  Cookie,
  Credential,
  Family,
  Model,
  RefreshToken,
  Session,
} from './whole-life-model.ts'
import { API, browserOf } from './whole-life.ts'
import type { Answer, Real } from './whole-life.ts'
import { settings } from './world/settings.ts'
import { liveSession, signIn } from './world/sign-in.ts'

export const { ISSUER } = settings
export type Step = fc.AsyncCommand<Model, Real>
export type Client = Exclude<ApplicationName, 'books'>
export const CLIENTS = ['mall', 'forum', 'phone'] as const

const describeOne = ({ kind, ...credential }: Credential) =>
  `${kind} ${'family' in credential && credential.family ? credential.family.application : ''}`

/** Nobody can say to the second when an idle session ends: of one that is in doubt the gateway is asked. */
export async function settleDoubts(model: Model, real: Real): Promise<void> {
  for (const cookie of model.of('cookie')) {
    const { session } = cookie
    if (!model.isInDoubt(session)) continue
    if (await real.isGood(cookie, model)) session.idle.from = model.now + 1
    else session.isOver = true
  }
}

/** Everything that was ever handed out is as good as the model says. */
async function compare(model: Model, real: Real): Promise<void> {
  await settleDoubts(model, real)
  await Promise.all(
    model.handedOut.map(async (credential, at) => {
      const expected = model.isAlive(credential)
      const isGood = await real.isGood(credential, model)
      if (isGood !== undefined) expect(isGood, `${at}: ${describeOne(credential)}`).toBe(expected)
    }),
  )
}

export const step = (
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
  mayRun: (model: Model) => boolean = () => true,
): Step => ({
  toString: () => name,
  check: mayRun,
  run: async (model, real) => {
    // No two steps are taken within one millisecond.
    passTime(model, 0.001)
    await run(model, real)
    await compare(model, real)
  },
})

/** The clock stands still between the steps. */
export function passTime(model: Model, seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000)
  model.now = systemClock()
}

/** The browser's session, if it has a live one. */
export const sessionIn = (model: Model, browser: number): Session | undefined => {
  const session = model.browsers[browser]
  return model.isLive(session) ? session : undefined
}

export const addAccessToken = (
  model: Model,
  text: string,
  { session, family, isForUserInfo }: Pick<AccessToken, 'session' | 'family' | 'isForUserInfo'>,
) => {
  const { exp } = decodeJwt(text)
  expect(exp).toBeLessThanOrEqual(model.now + 300)
  model.add<AccessToken>({
    kind: 'access token',
    text,
    session,
    family,
    isForUserInfo,
    kid: decodeProtectedHeader(text).kid!,
    exp: exp!,
    isRevoked: false,
  })
}

function addTokens(model: Model, family: Family, { body }: Answer): void {
  addAccessToken(model, body.access_token, {
    session: family.session,
    family,
    isForUserInfo: decodeJwt(body.access_token).aud !== API,
  })
  family.idToken = body.id_token ?? family.idToken
  const { session, application } = family
  const { sid: name } = decodeJwt(family.idToken!) as { readonly sid: string }
  model.takePart({ session, application, name })
  model.add<RefreshToken>({
    kind: 'refresh token',
    text: body.refresh_token!,
    family,
    generation: family.generation,
  })
}

const expectRefused = ({ status, body }: Answer, model: Model, application: ApplicationName) =>
  expect({ status, error: body.error }).toEqual(
    model.isActive(application)
      ? { status: 400, error: 'invalid_grant' }
      : { status: 401, error: 'invalid_client' },
  )

/** A code or ticket is handed out: a family begins. */
export function grant(
  model: Model,
  session: Session,
  { kind, text, application }: Pick<Code, 'kind' | 'text'> & Pick<Family, 'application'>,
): void {
  const nothingYet = { generation: 0, takenAt: 0, isOver: false, idToken: undefined }
  const family: Family = { session, application, ...nothingYet }
  model.families.push(family)
  model.add<Code>({ kind, text, family, until: model.now + 60 })
}

export const signInAt = (browser: number, who: number) =>
  step(`sign in(browser ${browser}, person ${who})`, async (model, real) => {
    const user = model.users[who]!
    const provider = real[user.provider]
    const before = browserOf(real, browser).session()
    await signIn(browserOf(real, browser), provider, {
      as: user.name,
      returnTo: '/health',
      ask: { prompt: 'login' },
    })
    const cookie = browserOf(real, browser).session()
    expect(cookie !== before, 'a new session').toBe(!user.isDisabled)
    if (user.isDisabled || cookie === undefined) return
    const { userId, sid, authentication } = (await liveSession(cookie))!
    expect(userId).toBe(user.id ?? userId)
    expect(model.sessions.every((session) => session.sid !== sid)).toBe(true)
    user.id = userId
    model.everybody.add(userId)
    user.subject = authentication.subject
    const replaced = sessionIn(model, browser)
    if (replaced !== undefined) model.end([replaced])
    const upstreamSid = provider.grants.at(-1)!.sid
    const session = model.open(user, { sid, upstreamSid, isShared: false })
    model.browsers[browser] = session
    model.add<Cookie>({ kind: 'cookie', text: cookie, session })
  })

export const bridge = (pick: number) =>
  step(
    `bridge(${pick})`,
    async (model, real) => {
      const cookie = model.pick(model.of('cookie'), pick)!
      const answer = await real.answerOf(
        await real.fetch(
          new Request(`${ISSUER}/auth/sso/token`, {
            headers: {
              cookie: `__Host-drawbridge_session=${cookie.text}`,
              'sec-fetch-site': 'same-origin',
            },
          }),
        ),
      )
      expect(answer.status).toBe(model.isAlive(cookie) ? 200 : 401)
      if (answer.status !== 200) return
      const { session } = cookie
      model.use(session)
      addAccessToken(model, answer.body.access_token, {
        session,
        family: undefined,
        isForUserInfo: false,
      })
    },
    (model) => model.of('cookie').length > 0,
  )

export const authorize = (browser: number, name: Client) =>
  step(`authorize(browser ${browser}, ${name})`, async (model, real) => {
    const session = sessionIn(model, browser)
    const client = real.clients[name]
    const isActive = model.isActive(name)
    const url = authorizeUrl(client, {
      redirect_uri: `${client.origin}/callback`,
      scope: 'openid offline_access',
      prompt: 'none',
      code_challenge: await challengeOf(VERIFIER),
      code_challenge_method: 'S256',
      ...(name === 'forum' && { resource: API }),
    })
    const visit = { from: client.origin }
    const tab = browserOf(real, browser)
    const answer = await tab.navigate(url, visit)
    if (!isActive) {
      expect(answer.response.status, 'of an application that is not there').toBe(400)
      return
    }
    const needsConsent = name === 'forum' && !session?.user.consents.has(name)
    const { code, error } = heard(answer)
    if (session === undefined) return expect(error).toBe('login_required')
    model.mayUse(session)
    if (!needsConsent) expect(error).toBe(undefined)
    let given = code
    if (needsConsent) {
      expect(error).toBe('consent_required')
      url.searchParams.delete('prompt')
      given = heard(await press(tab, await tab.navigate(url, visit), 'allow')).code
      session.user.consents.add(name)
    }
    expect(given).toBeDefined()
    grant(model, session, { kind: 'code', text: given!, application: name })
  })

export const exchange = (pick: number) =>
  step(
    `exchange(${pick})`,
    async (model, real) => {
      const code = model.pick(model.of('code'), pick)!
      const { family } = code
      const name = family.application as Client
      const answer = await real.asClient(name, '/oauth/token', {
        grant_type: 'authorization_code',
        code: code.text,
        redirect_uri: `${real.clients[name].origin}/callback`,
        code_verifier: VERIFIER,
      })
      if (model.isAlive(code)) {
        expect(answer).toMatchObject({ status: 200 })
        family.generation = 1
        family.takenAt = model.now
        addTokens(model, family, answer)
        return
      }
      expectRefused(answer, model, name)
      // Whoever sends a code twice has lost it, with all that it gave.
      if (model.isActive(name) && family.generation > 0 && model.isLive(family.session))
        family.isOver = true
    },
    (model) => model.of('code').length > 0,
  )

export const refresh = (pick: number) =>
  step(
    `refresh(${pick})`,
    async (model, real) => {
      const token = model.pick(model.of('refresh token'), pick)!
      const { family } = token
      const name = family.application as Client
      const answer = await real.asClient(name, '/oauth/token', {
        grant_type: 'refresh_token',
        refresh_token: token.text,
      })
      if (!model.isFamilyLive(family) || !model.isActive(name))
        return expectRefused(answer, model, name)
      const which = model.whichRefresh(token)
      if (which === 'old') {
        family.isOver = true
        return expectRefused(answer, model, name)
      }
      expect(answer).toMatchObject({ status: 200 })
      model.use(family.session)
      if (which === 'present') {
        family.generation += 1
        family.takenAt = model.now
        return addTokens(model, family, answer)
      }
      const successor = model
        .of('refresh token')
        .find((other) => other.family === family && other.generation === family.generation)
      expect(answer.body.refresh_token).toBe(successor!.text)
      addAccessToken(model, answer.body.access_token, {
        session: family.session,
        family,
        isForUserInfo: decodeJwt(answer.body.access_token).aud !== API,
      })
    },
    (model) => model.of('refresh token').length > 0,
  )
