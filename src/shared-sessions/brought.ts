/** A browser that a site has brought here, and what becomes of it. */
import { isAllowedPage } from '../core/applications/shared-sessions-site.ts'
import type { Site } from '../core/applications/sites.ts'
import type { EpochSeconds } from '../platform/clock.ts'
import type { RequestFacts } from '../platform/request-facts.ts'

export interface Brought {
  readonly raw: Request
  readonly facts: RequestFacts
  readonly site: Site
  /** Below the site. */
  readonly path: string
  readonly now: EpochSeconds
}

export type BroughtRefusal =
  | 'unknown_page'
  | 'page_not_allowed'
  | 'unavailable'
  | 'not_a_navigation' // a prefetch, a picture, a frame, a script
  | 'not_offered'
  | 'rate_limited'

export type BroughtOutcome =
  | { readonly kind: 'sent'; readonly location: string; readonly cookie?: string }
  | { readonly kind: 'told'; readonly callbackUri: string; readonly fields: Fields }
  /** The person decides whether an application is to open. */
  | { readonly kind: 'offered'; readonly appAddress: string; readonly siteName: string }
  | { readonly kind: 'refused'; readonly code: BroughtRefusal }

type Fields = Readonly<Record<string, string>>

export const refused = (code: BroughtRefusal): BroughtOutcome => ({ kind: 'refused', code })

const LONGEST_ADDRESS = 4096

/** An address that this site may have people brought to; what is sent there is what was judged. */
export function parsePage(text: string | null, { allowedDomains }: Site): URL | undefined {
  if (text === null || text.length > LONGEST_ADDRESS || !/^https?:\/\/[^\s\\]+$/i.test(text)) {
    return undefined
  }
  const url = URL.parse(text)
  return url !== null && isAllowedPage(url, allowedDomains) ? url : undefined
}
