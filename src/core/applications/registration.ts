/**
 * The one place that judges what an application is to be: what an operator leaves out gets its default, names
 * that other products use become the standard ones, and everything that could not work, or would weaken what
 * it should not, is named at once.
 */
import { hasInvisible, isInvisible } from '../../platform/invisible-text.ts'
import type { ApplicationContent } from './applications-table.ts'
import { judgeAdapter } from './adapter-rules.ts'
import { responseTypes } from './application.ts'
import type { GrantType, OAuthClient, ResponseType } from './application.ts'
import { parseClientKeys } from './client-keys.ts'
import { judgeHandoff } from './handoff-rules.ts'
import type { HandoffRegistration } from './handoff-rules.ts'
import { judgeAuthentication, judgeGrants, judgeSector } from './grant-rules.ts'
import { reportTo } from './oauth-report.ts'
import type { RegistrationProblem } from './registration-problem.ts'
import { completeSite, judgeSite } from './shared-sessions-site.ts'
import type { SharedSessionsRegistration } from './shared-sessions-site.ts'
import { judgeUris, sectorsOf } from './uri-rules.ts'
import type { GatewayPlace } from './uri-rules.ts'
import { judgeWidget } from './widget-rules.ts'
import type { WidgetRegistration } from './widget-rules.ts'

/** Names that some products have for a grant, and what they mean by it. */
const GRANT_ALIASES = {
  authorisation_code: 'authorization_code',
  /** The code grant of OpenID Connect. */
  openid_code: 'authorization_code',
} as const
export type GrantAlias = keyof typeof GRANT_ALIASES
export const grantAliases = Object.keys(GRANT_ALIASES) as readonly GrantAlias[]

/** What an operator asks for. What is left out has its default. */
export type OAuthRegistration = {
  readonly [Member in keyof Omit<OAuthClient, 'grantTypes' | 'responseTypes' | 'jwks'>]?:
    | OAuthClient[Member]
    | undefined
} & {
  readonly grantTypes?: readonly (GrantType | GrantAlias)[] | undefined
  /** The words of a response type in any order. */
  readonly responseTypes?: readonly string[] | undefined
  readonly jwks?: { readonly keys: readonly unknown[] } | undefined
}

export interface Registration {
  readonly name: string
  /** False when left out. */
  readonly isFirstParty?: boolean | undefined
  readonly oauth?: OAuthRegistration | undefined
  readonly handoff?: HandoffRegistration | undefined
  readonly sharedSessions?: SharedSessionsRegistration | undefined
  readonly widget?: WidgetRegistration | undefined
}

export type JudgedRegistration =
  | { readonly ok: true; readonly content: ApplicationContent }
  | { readonly ok: false; readonly problems: readonly RegistrationProblem[] }

const LONGEST_NAME_CHARACTERS = 100
const MOST_ELEMENTS = 50

/** Never throws; `problems` holds everything that is wrong, in no particular order. */
export async function judgeRegistration(
  { name, isFirstParty = false, oauth, ...capabilities }: Registration,
  place: GatewayPlace,
): Promise<JudgedRegistration> {
  const problems = [...judgeName(name)]
  const handoff = capabilities.handoff && judgeHandoff(capabilities.handoff, place, problems)
  const widget = capabilities.widget && judgeWidget(capabilities.widget, place, problems)
  const site = capabilities.sharedSessions && completeSite(capabilities.sharedSessions)
  problems.push(...(site === undefined ? [] : judgeSite(site)))
  const others = {
    ...(handoff && { handoff }),
    ...(widget && { widget }),
    ...(site && { sharedSessions: site }),
  }
  if (oauth === undefined) {
    if (problems.length > 0) return { ok: false, problems }
    return { ok: true, content: { name, isFirstParty, oauth, ...others } }
  }
  const tooLong = (
    ['redirectUris', 'postLogoutRedirectUris', 'scope', 'resources', 'requestAdapter'] as const
  ).filter((member) => (oauth[member]?.length ?? 0) > MOST_ELEMENTS)
  const report = reportTo(problems)
  for (const member of tooLong) report(member, `has more than ${MOST_ELEMENTS} elements`)
  const { keys } = oauth.jwks ?? {}
  const jwks = keys === undefined ? undefined : await parseClientKeys(keys, problems)
  const client = { ...complete(oauth), jwks }
  for (const type of (oauth.responseTypes ?? []).filter(
    (each) => responseTypeOf(each) === undefined,
  )) {
    report('responseTypes', `${JSON.stringify(type)} is not offered`)
  }
  judgeUris(client, place, report)
  judgeGrants(client, report)
  judgeAuthentication({ ...client, jwks: jwks ?? (keys && { keys: [] }) }, report)
  judgeSector(client, report)
  judgeAdapter(client, report)
  const { defaultMaxAge } = client
  if (defaultMaxAge !== undefined && !(Number.isSafeInteger(defaultMaxAge) && defaultMaxAge >= 0)) {
    report('defaultMaxAge', 'is not a number of seconds')
  }
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, content: { name, isFirstParty, oauth: client, ...others } }
}

const UNFIT_FOR_NAMES = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Co}]/u

/** Joiners, variation selectors and tags, by which scripts and emoji are written: they change what is to be seen. */
const SEEN_IN_OTHERS = /[\u200c\u200d\p{Variation_Selector}\u{e0020}-\u{e007f}]/gu

/** It is shown to people on the consent page, in whatever direction the text around it runs. */
function judgeName(name: string): readonly RegistrationProblem[] {
  const problem = (detail: string) => [{ pointer: '/name', detail }]
  if (isInvisible(name) || name.trim() !== name)
    return problem('is empty, or begins or ends with a blank')
  const hasHidden = hasInvisible(name.replace(SEEN_IN_OTHERS, ''))
  if (!name.isWellFormed() || UNFIT_FOR_NAMES.test(name) || hasHidden) {
    return problem(
      'has control or invisible characters, or marks that change the direction of text',
    )
  }
  return Array.from(name).length > LONGEST_NAME_CHARACTERS
    ? problem(`is longer than ${LONGEST_NAME_CHARACTERS} characters`)
    : []
}

/** Response types are sets of words (OAuth 2.0 Multiple Response Types §3): their order says nothing. */
const responseTypeOf = (value: string): ResponseType | undefined => {
  const words = value.split(' ').toSorted().join(' ')
  return responseTypes.find((type) => type === words)
}

/** The registration with its defaults, in canonical names (RFC 7591 §2; OpenID Connect Registration 1.0 §2). */
function complete(oauth: OAuthRegistration): Omit<OAuthClient, 'jwks'> {
  const named = oauth.responseTypes?.flatMap((type) => responseTypeOf(type) ?? [])
  const grants = oauth.grantTypes ?? ['authorization_code']
  const grantTypes = unique(grants.map((grant) => canonicalGrant(grant)))
  const isCode = grantTypes.includes('authorization_code')
  const hasUser = grantTypes.some((grant) => grant !== 'client_credentials')
  const scope = oauth.scope ?? (hasUser ? ['openid'] : [])
  const method = oauth.tokenEndpointAuthMethod ?? 'client_secret_basic'
  const redirectUris = oauth.redirectUris ?? []
  const subjectType = oauth.subjectType ?? 'public'
  const sectors = sectorsOf(redirectUris)
  const onlySector = subjectType === 'pairwise' && sectors.length === 1 ? sectors[0] : undefined
  return {
    applicationType: oauth.applicationType ?? 'web',
    redirectUris,
    defaultRedirectUri: oauth.defaultRedirectUri,
    grantTypes,
    responseTypes: unique(named ?? (isCode ? ['code'] : [])),
    scope: unique(grants.includes('openid_code') ? ['openid', ...scope] : scope),
    tokenEndpointAuthMethod: method,
    idTokenSignedResponseAlg: oauth.idTokenSignedResponseAlg ?? 'RS256',
    subjectType,
    sectorIdentifier: oauth.sectorIdentifier ?? onlySector,
    postLogoutRedirectUris: oauth.postLogoutRedirectUris ?? [],
    backchannelLogoutUri: oauth.backchannelLogoutUri,
    backchannelLogoutSessionRequired: oauth.backchannelLogoutSessionRequired ?? false,
    frontchannelLogoutUri: oauth.frontchannelLogoutUri,
    frontchannelLogoutSessionRequired: oauth.frontchannelLogoutSessionRequired ?? false,
    requirePkce: oauth.requirePkce ?? method === 'none',
    requirePushedAuthorizationRequests: oauth.requirePushedAuthorizationRequests ?? false,
    dpopBoundAccessTokens: oauth.dpopBoundAccessTokens ?? false,
    alwaysIssueIdToken: oauth.alwaysIssueIdToken ?? false,
    userinfoQueryToken: oauth.userinfoQueryToken ?? false,
    resources: oauth.resources ?? [],
    defaultMaxAge: oauth.defaultMaxAge,
    requestAdapter: oauth.requestAdapter ?? [],
  }
}

const canonicalGrant = (grant: GrantType | GrantAlias): GrantType =>
  grant in GRANT_ALIASES ? GRANT_ALIASES[grant as GrantAlias] : (grant as GrantType)

const unique = <Word>(words: readonly Word[]): readonly Word[] => [...new Set(words)]
