import { env } from 'cloudflare:workers'
import type { LiveSession } from '../../../src/core/sessions/session.ts'
import { gatewayFor } from '../../../src/gateway.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { createApplication, knownTo, takePart } from '../../world/application.ts'
import type { ReceivingApplication } from '../../world/application.ts'
import { settings } from '../../world/settings.ts'
import { liveSession } from '../../world/sign-in.ts'
import type { World } from '../../world/sign-in.ts'
import { signedInPerson } from '../../sign-out/signed-in-person.ts'
import type { SignedInPerson } from '../../sign-out/signed-in-person.ts'

export const LOGOUT = `${settings.ISSUER}/oauth/logout`

export interface Participant extends SignedInPerson {
  readonly shop: ReceivingApplication
  readonly session: LiveSession
  /** The ID token that the shop got. */
  readonly hint: string
}

/** Somebody signed in, who uses a shop with it. */
export async function shopper(
  world: World,
  shop: ReceivingApplication | Parameters<typeof createApplication>[1] = {},
): Promise<Participant> {
  const application = 'received' in shop ? shop : await createApplication(world, shop)
  const person = await signedInPerson(world)
  const session = (await liveSession(person.browser.session()))!
  await takePart(application, session)
  const hint = await idTokenFor(application, session)
  return { ...person, shop: application, session, hint }
}

/** An ID token as the token endpoint issues it, with changes. */
export async function idTokenFor(
  application: ReceivingApplication,
  session: LiveSession,
  changes: Record<string, unknown> = {},
  type: 'JWT' | 'logout+jwt' = 'JWT',
): Promise<string> {
  const { subject: sub, clientSid: sid } = await knownTo(application, session)
  const now = systemClock()
  const signed = await gatewayFor({ ...env }).core!.signedClaims.sign({
    type,
    alg: 'RS256',
    claims: {
      iss: settings.ISSUER,
      aud: application.id,
      sub,
      sid,
      iat: now,
      exp: now + 3600,
      ...changes,
    },
    now,
  })
  if (!signed.ok) throw new Error(signed.refusal.code)
  return signed.value
}

export function logoutUrl(parameters: Readonly<Record<string, string>>): string {
  const url = new URL(LOGOUT)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}

/** What the form on a page sends. */
export function formOf(page: string): { readonly action: string; readonly body: URLSearchParams } {
  const action = /<form [^>]*action="([^"]+)"/.exec(page)?.[1] ?? ''
  const body = new URLSearchParams()
  for (const [, name = '', value = ''] of page.matchAll(
    /<input type="hidden" name="([^"]*)" value="([^"]*)"/g,
  )) {
    body.append(name, unescape(value))
  }
  return { action: settings.ISSUER + action, body }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}

const unescape = (text: string): string =>
  text.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity)
