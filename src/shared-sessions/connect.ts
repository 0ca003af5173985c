/**
 * The ways without any script: a link to one of these addresses is a "sign in with …" of the site, or of its
 * application on a phone.
 *
 * An application cannot be posted to: it gets the connection's token in an address of its own, which any other
 * application on the phone may have taken for itself, and so takes the connection with the nonce that it began with.
 * Nobody is led on to it without having seen a page of ours (RFC 8252 §8.6).
 */
import { isAllowedApp } from '../core/applications/shared-sessions-site.ts'
import { parsePage, refused } from './brought.ts'
import type { Brought, BroughtOutcome } from './brought.ts'
import { findOwn } from './known-person.ts'
import type { Known } from './known-person.ts'
import { noteConnection, tellSite } from './tell-site.ts'
import type { SiteParts } from './site-parts.ts'

/** GET /socialize/connect/direct/:provider?callback_uri=… */
export async function connectPage(
  parts: SiteParts,
  brought: Brought,
  provider: string,
): Promise<BroughtOutcome> {
  const { searchParams: query } = new URL(brought.raw.url)
  const callback = parsePage(query.get('callback_uri'), brought.site)
  if (callback === undefined) return refused('page_not_allowed')
  const person = await signedInWith(parts, brought, provider, {
    service: 'social_login',
    callback_uri: callback.href,
  })
  return 'kind' in person ? person : tellSite(parts, brought, person, 'social_login', callback)
}

/** GET /socialize/connect/mobile/:provider?nonce=…&callback_uri=oneall://… */
export async function connectApp(
  parts: SiteParts,
  brought: Brought,
  provider: string,
): Promise<BroughtOutcome> {
  const { site, raw } = brought
  const { searchParams: query } = new URL(raw.url)
  const callback = query.get('callback_uri') ?? ''
  const nonce = parseNonce(query.get('nonce'))
  if (nonce === undefined || !isAllowedApp(callback, site.allowedDomains)) {
    return refused('page_not_allowed')
  }
  const person = await signedInWith(parts, brought, provider, { nonce, callback_uri: callback })
  if ('kind' in person) return person
  const known = { ...person, plugin: 'social_login', callbackUri: callback, nonce } as const
  const issued = await noteConnection(parts, brought, known)
  if (!issued.ok) return refused('unavailable')
  const appAddress = `${callback}?${new URLSearchParams({ connection_token: issued.value }).toString()}`
  return { kind: 'offered', appAddress, siteName: site.name }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** A UUID as an application makes it, in lower case: some phones write it in capitals. */
export const parseNonce = (text: string | null | undefined): string | undefined => {
  const nonce = text?.toLowerCase()
  return nonce !== undefined && UUID.test(nonce) ? nonce : undefined
}

/** Whoever has signed in with that provider; else the way there, and back by `parameters`, once. */
async function signedInWith(
  parts: SiteParts,
  brought: Brought,
  provider: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Known | BroughtOutcome> {
  const { raw, site, path } = brought
  const { searchParams: query } = new URL(raw.url)
  const isProvider = parts.config.identityProviders.some(({ id }) => id === provider)
  if (!isProvider || !site.isFirstParty) return refused('not_offered')
  const isBack = query.get('signed_in') === '1'
  const isForced = !isBack && ['1', 'true'].includes(query.get('force_reauth') ?? '')
  const own = await findOwn(parts, brought)
  if (!own.ok && own.refusal.code === 'unavailable') return refused('unavailable')
  if (own.ok && !isForced && own.value.identity.providerId === provider) return own.value
  // They have just signed in, and the company's sites do not take them: doing it again would not help.
  if (isBack) return refused('not_offered')
  const back = new URLSearchParams({ ...parameters, signed_in: '1' }).toString()
  const start = new URLSearchParams({
    return_to: `/oneall/${site.subdomain}${path}?${back}`,
    ...(isForced && { prompt: 'login' }),
  }).toString()
  return { kind: 'sent', location: `${parts.config.issuer}/auth/sso/login/${provider}?${start}` }
}
