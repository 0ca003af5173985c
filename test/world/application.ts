/**
 * A downstream application with a back-channel logout endpoint, as a relying party would write it from the
 * specification: it reads the form, finds our keys by discovery, and checks the logout token (Back-Channel Logout 1.0
 * §2.6). It can also fail in every way that one can.
 */
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import type { OAuthApplication } from '../../src/core/applications/application.ts'
import { createSubjects } from '../../src/core/applications/subject.ts'
import type { LiveSession } from '../../src/core/sessions/session.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { grants } from '../core/sessions/granted.ts'
import { registerApplication } from './applications.ts'
import type { Internet } from './internet.ts'
import { settings } from './settings.ts'

export type Manner = 'takes' | 'takes with 204' | 'refuses' | 'fails' | 'redirects' | 'hangs'

export interface ReceivingApplication {
  readonly id: string
  readonly secret: string
  readonly application: OAuthApplication
  readonly origin: string
  /** How it answers from now on, after it has checked the token. Those that it kept waiting it answers then. */
  manner: Manner
  /** The claims of every logout token that came and was good, in order. */
  readonly received: readonly JWTPayload[]
  /** What was wrong with those that were not. */
  readonly problems: readonly string[]
  /** How many requests it is keeping waiting. */
  readonly hanging: () => number
}

const BACK_CHANNEL_LOGOUT = 'http://schemas.openid.net/event/backchannel-logout'

interface Surroundings {
  readonly internet: Internet
  fetch(request: Request): Promise<Response>
}

export async function createApplication(
  world: Surroundings,
  {
    name = 'Shop',
    origin = 'https://shop.example',
    isFirstParty = false,
    oauth = {},
  }: {
    readonly name?: string
    readonly origin?: string
    readonly isFirstParty?: boolean
    readonly oauth?: NonNullable<Parameters<typeof registerApplication>[0]>['oauth']
  } = {},
): Promise<ReceivingApplication> {
  const { id, secret, application } = await registerApplication({
    name,
    isFirstParty,
    oauth: {
      redirectUris: [`${origin}/callback`],
      backchannelLogoutUri: `${origin}/back-channel`,
      postLogoutRedirectUris: [`${origin}/bye`],
      ...oauth,
    },
  })
  const received: JWTPayload[] = []
  const problems: string[] = []
  let hanging = 0

  async function check(request: Request): Promise<JWTPayload> {
    const { idTokenSignedResponseAlg: alg } = application.oauth
    const type = request.headers.get('content-type')
    if (request.method !== 'POST') throw new Error(`method ${request.method}`)
    if (!type?.startsWith('application/x-www-form-urlencoded')) throw new Error(`type ${type}`)
    if (request.headers.has('cookie')) throw new Error('cookie')
    const form = new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()))
    if ([...form.keys()].join() !== 'logout_token') throw new Error('form')
    const token = form.get('logout_token')!
    if (decodeProtectedHeader(token).typ !== 'logout+jwt') throw new Error('typ')
    const read = async <Document>(url: string) =>
      (await world.fetch(new Request(url))).json<Document>()
    const { jwks_uri: keys } = await read<{ jwks_uri: string }>(
      `${settings.ISSUER}/.well-known/openid-configuration`,
    )
    const { payload } = await jwtVerify(token, createLocalJWKSet(await read<JSONWebKeySet>(keys)), {
      issuer: settings.ISSUER,
      audience: id,
      algorithms: [alg],
      typ: 'logout+jwt',
      requiredClaims: ['iat', 'exp', 'jti', 'events', 'sub', 'sid'],
      maxTokenAge: 120,
      currentDate: new Date(),
    })
    if ('nonce' in payload) throw new Error('nonce')
    if (payload.exp! - payload.iat! > 120) throw new Error('lives too long')
    const events = payload.events as Record<string, unknown>
    if (JSON.stringify(events[BACK_CHANNEL_LOGOUT]) !== '{}') throw new Error('events')
    if (received.some(({ jti }) => jti === payload.jti)) throw new Error('jti is not new')
    return payload
  }

  const answers: Record<Manner, () => Response | Promise<Response>> = {
    takes: () => new Response(null, { status: 200 }),
    'takes with 204': () => new Response(null, { status: 204 }),
    refuses: () => Response.json({ error: 'invalid_request' }, { status: 400 }),
    fails: () => new Response('oops', { status: 500 }),
    redirects: () => new Response(null, { status: 302, headers: { location: `${origin}/other` } }),
    // Each request waits by looking: an object of the runtime may not answer what another has asked.
    hangs: async () => {
      hanging += 1
      while (self.manner === 'hangs') await scheduler.wait(10)
      hanging -= 1
      return new Response(null)
    },
  }

  const self: ReceivingApplication = {
    id,
    secret,
    application,
    origin,
    manner: 'takes',
    received,
    problems,
    hanging: () => hanging,
  }
  world.internet.serve(origin, async (request) => {
    if (new URL(request.url).pathname !== '/back-channel') {
      return new Response(null, { status: 404 })
    }
    try {
      received.push(await check(request))
    } catch (thrown) {
      problems.push(String(thrown))
      return new Response(null, { status: 400 })
    }
    return answers[self.manner]()
  })
  return self
}

/** The session as the application knows it. */
export const knownTo = async (
  { application }: ReceivingApplication,
  { userId, sid }: Pick<LiveSession, 'userId' | 'sid'>,
) => {
  const subjects = createSubjects([settings.HANDLE_KEY])
  return {
    subject: await subjects.subjectFor(application, userId),
    clientSid: await subjects.sessionIdFor(application, sid),
  }
}

/** The application takes part in the session, as if it had just got tokens from it. */
export async function takePart(
  application: ReceivingApplication,
  session: Pick<LiveSession, 'userId' | 'sid'>,
): Promise<void> {
  const taken = await grants.participate({
    userId: session.userId,
    sid: session.sid,
    participation: { applicationId: application.id, ...(await knownTo(application, session)) },
    scope: ['openid'],
    now: systemClock(),
  })
  if (!taken.ok) throw new Error(taken.refusal.code)
}
