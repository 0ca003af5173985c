import { base64url } from 'jose'
import type { UntrustedClaims } from '../../core/users/profile-claims.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { isJsonObject, parseJsonObject } from '../../platform/json-object.ts'

/** What a host says of the person whose ticket we have shown it. */
export interface HostAssertion {
  /** By which host and service speak of this session. */
  readonly apiSid: string
  /** The person's id at the host. */
  readonly subject: string
  readonly claims: UntrustedClaims
  readonly authTime: EpochSeconds
}

const API_SID = /^[A-Za-z0-9._~-]{16,128}$/
const SUBJECT = /^[\x21-\x7e]{1,255}$/

/**
 * The answer to `token-verify`. Who it is stands in `user`, or in the access token, which is the host's own and
 * comes from it directly, so that it is read and not verified. Undefined where it does not say who it is.
 */
export function parseHostAnswer(
  answer: Readonly<Record<string, unknown>> | undefined,
  now: EpochSeconds,
): HostAssertion | undefined {
  const apiSid = answer?.api_sid
  if (answer === undefined || typeof apiSid !== 'string' || !API_SID.test(apiSid)) return undefined
  const user = isJsonObject(answer.user) ? answer.user : {}
  const access = readPayload(answer.access)
  const subject = textOf(user.id ?? user.user_id ?? user.sub ?? access.user_id ?? access.sub)
  if (subject === undefined || !SUBJECT.test(subject)) return undefined
  const { auth_time: authTime } = access
  return {
    apiSid,
    subject,
    claims: {
      name: user.name ?? fullName(user),
      given_name: user.first_name,
      family_name: user.last_name,
      email: user.email,
      email_verified: user.email_verified,
      picture: user.picture,
      preferred_username: user.username,
    },
    // A host that does not say when they signed in there, has said that it was not after this. A date may have
    // a fraction (RFC 7519 §2); our own tokens have whole seconds.
    authTime:
      typeof authTime === 'number' && authTime > 0 && authTime <= now ? Math.floor(authTime) : now,
  }
}

/** Ids are numbers in some databases. */
const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value
  return Number.isSafeInteger(value) ? String(value) : undefined
}

function fullName({ first_name: first, last_name: last }: Readonly<Record<string, unknown>>) {
  const names = [first, last].filter((name) => typeof name === 'string' && name !== '')
  return names.length === 0 ? undefined : names.join(' ')
}

function readPayload(token: unknown): Readonly<Record<string, unknown>> {
  const [, payload] = typeof token === 'string' ? token.split('.') : []
  if (payload === undefined) return {}
  try {
    return parseJsonObject(base64url.decode(payload)) ?? {}
  } catch {
    return {}
  }
}
