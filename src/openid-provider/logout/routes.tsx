/**
 * An application sends somebody here to sign out (OpenID Connect RP-Initiated Logout 1.0). Routes:
 *
 *   GET, POST /oauth/logout           ends the session if the request proves that it is about it, else asks
 *   POST      /oauth/logout/confirm   the person's answer
 *
 * Ending the session, telling the applications and the way of the browser from then on are `core/revocation`'s.
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { Config } from '../../config.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { SignOut } from '../../core/revocation/sign-out.ts'
import { readSessionCookie } from '../../core/sessions/session-cookie.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Doors } from '../../platform/doors.ts'
import { readForm } from '../../platform/read-form.ts'
import type { Refusal } from '../../platform/refusal.ts'
import type { RequestVariables } from '../../platform/request-facts.ts'
import { isFetchedAhead } from '../../protocol/fetched-ahead.ts'
import { isFromOwnPage } from '../../protocol/same-origin.ts'
import { leadOn } from '../../pages/lead-on.tsx'
import { answerProblem, askPerson, passBy } from './logout-answers.tsx'
import type { LogoutProblem } from './logout-answers.tsx'
import { judgeLogout } from './judge-logout.ts'
import type { JudgingParts } from './judge-logout.ts'
import { NEEDED_PARAMETERS, readLogoutRequest } from './logout-request.ts'
import type { LogoutRequest, LogoutRequestParts } from './logout-request.ts'

export const LOGOUT_PATH = '/oauth/logout'
export const CONFIRM_PATH = '/oauth/logout/confirm'

export interface LogoutParts extends LogoutRequestParts, JudgingParts {
  readonly config: Config
  readonly clock: Clock
  readonly audit: Audit
  readonly doors: Doors
  readonly signOut: Pick<SignOut, 'leave'>
}

type LogoutContext = Context<{ Variables: RequestVariables }>

/** Near what a URL of ours may have at most; beyond it, nobody would read the request. */
const LONGEST_QUERY = 7500

export function logoutRoutes(parts: LogoutParts) {
  return new Hono<{ Variables: RequestVariables }>()
    .get(LOGOUT_PATH, (c) => answerRequest(c, parts, new URL(c.req.url).searchParams))
    .post(LOGOUT_PATH, (c) => answerPosted(c, parts))
    .post(CONFIRM_PATH, (c) => answerConfirmed(c, parts))
}

/** A refusal has changed nothing and leads nowhere: it is a page at this very address. */
async function reject(c: LogoutContext, { audit }: LogoutParts, refusal: Refusal<LogoutProblem>) {
  const facts = { channel: 'application' }
  await audit.record(c.get('facts'), { event: 'logout.rejected', refusal, facts })
  return answerProblem(c, refusal.code)
}

/**
 * A POST from another site comes without our cookie, which is `Lax`: it is sent here again as a GET, which has it.
 */
async function answerPosted(c: LogoutContext, parts: LogoutParts): Promise<Response> {
  const form = await readForm(c.req.raw)
  if (!form.ok) return reject(c, parts, form.refusal)
  if (readSessionCookie(c.req.header('cookie'), parts.config) !== undefined) {
    return answerRequest(c, parts, form.value)
  }
  const needed = [...form.value].filter(([name]) => NEEDED_PARAMETERS.some((own) => own === name))
  const query = new URLSearchParams(needed).toString()
  if (query.length > LONGEST_QUERY) return reject(c, parts, { code: 'body_too_large' })
  c.header('Cache-Control', 'no-store')
  return c.redirect(`${parts.config.issuer}${LOGOUT_PATH}?${query}`, 303)
}

async function answerRequest(
  c: LogoutContext,
  parts: LogoutParts,
  parameters: URLSearchParams,
): Promise<Response> {
  const { config, clock, doors } = parts
  const entrance = await doors.mayEnter('sign_in', c.get('facts'))
  if (!entrance.ok) return reject(c, parts, entrance.refusal)
  const now = clock()
  const request = await readLogoutRequest(parts, parameters, now)
  if (!request.ok) return reject(c, parts, request.refusal)
  const cookie = readSessionCookie(c.req.header('cookie'), config)
  const verdict = await judgeLogout(parts, request.value, cookie, now)
  if (!verdict.ok) return reject(c, parts, verdict.refusal)
  if (verdict.value === 'pass') return passBy(c, config, request.value.destination)
  if (verdict.value === 'ask' || !isOpenedByPerson(c.req.raw.headers)) {
    return askPerson(c, config, request.value, CONFIRM_PATH)
  }
  return leave(c, parts, request.value)
}

/** The person has said yes, on our page; where they go is judged again, since a form can say anything. */
async function answerConfirmed(c: LogoutContext, parts: LogoutParts): Promise<Response> {
  if (!isFromOwnPage(c.req.raw.headers, parts.config.issuer)) {
    return reject(c, parts, { code: 'origin_not_allowed' })
  }
  // Any program can say that; and who asks is looked for in the directory.
  const entrance = await parts.doors.mayEnter('sign_in', c.get('facts'))
  if (!entrance.ok) return reject(c, parts, entrance.refusal)
  const form = await readForm(c.req.raw)
  if (!form.ok) return reject(c, parts, form.refusal)
  const request = await readLogoutRequest(parts, form.value, parts.clock())
  return request.ok ? leave(c, parts, request.value) : reject(c, parts, request.refusal)
}

async function leave(
  c: LogoutContext,
  parts: LogoutParts,
  { destination }: Pick<LogoutRequest, 'destination'>,
): Promise<Response> {
  const cookieHeader = c.req.header('cookie')
  const left = await parts.signOut.leave(c.get('facts'), {
    cookieHeader,
    destination: destination && { url: destination.url, name: destination.name },
  })
  return left.ok ? leadOn(c, left.value) : reject(c, parts, left.refusal)
}

/** A page that was fetched ahead, and a picture, are nobody's wish. Browsers that do not say what they load are believed. */
function isOpenedByPerson(headers: Headers): boolean {
  if (isFetchedAhead(headers)) return false
  return [null, 'document', 'iframe'].includes(headers.get('sec-fetch-dest'))
}
