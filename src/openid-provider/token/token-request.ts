/**
 * The token endpoint (RFC 6749 §3.2), in five phases, each done before the next begins:
 *
 * 1. who calls (client-call.ts): the application, proven as it is registered;
 * 2. what it asks for: its adapter's rewriting, and a grant that it is registered for, with scope and API;
 * 3. with what: the DPoP key that it holds;
 * 4. what it gets: the grant is looked at, and all tokens are made;
 * 5. the grant is taken, in one transaction of the user's object.
 *
 * A request that fails in the first four has used up nothing that a right one needs; but an assertion, a
 * proof and an attempt at a password count once (I6).
 */
import type { Config } from '../../config.ts'
import { adaptRequest } from '../../core/applications/adapt-request.ts'
import { LONGEST_SCOPE_CHARACTERS, isScopeToken } from '../../core/applications/grant-rules.ts'
import type { OAuthApplication } from '../../core/applications/application.ts'
import { isOAuthClient } from '../../core/applications/known-applications.ts'
import type {
  KnownApplication,
  KnownApplications,
} from '../../core/applications/known-applications.ts'
import type { DpopProofs } from '../../core/tokens/dpop-proof.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { RequestFacts } from '../../platform/request-facts.ts'
import { uniqueParameters } from '../../platform/unique-parameters.ts'
import { readResource } from '../authorization/resource.ts'
import { askedScope } from '../authorization/scope.ts'
import { DEVICE_GRANT } from '../device/ask-device-code.ts'
import type { DeviceRequests } from '../device/device-request.ts'
import { grantClientCredentials } from './client-credentials.ts'
import { tokenParameters } from './grant-request.ts'
import type {
  GrantRequest,
  Granting,
  SessionGrantParts,
  TokenParameters,
  TokenRefusalCode,
} from './grant-request.ts'
import { grantPassword } from './grant-password.ts'
import type { PasswordGrantParts } from './grant-password.ts'
import { redeemCode } from './redeem-code.ts'
import { redeemDeviceCode } from './redeem-device-code.ts'
import { refreshTokens } from './refresh-tokens.ts'

export const TOKEN_PATH = '/oauth/token'

export interface TokenRequestParts extends PasswordGrantParts {
  readonly config: Pick<Config, 'issuer'>
  readonly knownApplications: Pick<KnownApplications, 'judge' | 'judgeAnew'>
  readonly applicationTokens: SessionGrantParts['applicationTokens'] &
    Parameters<typeof grantClientCredentials>[0]['applicationTokens']
  readonly proofs: DpopProofs
  readonly deviceRequests: DeviceRequests
}

/** What arrived, from an application that has been authenticated. */
export interface TokenRequest {
  readonly application: OAuthApplication
  readonly form: URLSearchParams
  readonly dpop: string | undefined
  readonly userAgent: string | undefined
}

/** RebelMouse's names; what an adapter names besides is its application's own. */
const CODE_GRANT_NAMES = ['openid_code', 'authorisation_code']

/** Each has a file of its own here. `implicit` is not for this endpoint. */
const TOKEN_GRANTS = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'password',
  DEVICE_GRANT,
] as const
type TokenGrant = (typeof TOKEN_GRANTS)[number]

/** Those that take a grant, which a cut-off of the application ends. */
const UNDER_GRANT: ReadonlySet<TokenGrant> = new Set(['authorization_code', 'refresh_token'])

const isTokenGrant = (name: string): name is TokenGrant =>
  (TOKEN_GRANTS as readonly string[]).includes(name)

/** What the endpoint has decided; grant and key as far as they were known by then. */
export interface TokenDecision {
  readonly grantType?: TokenGrant | undefined
  readonly jkt?: string | undefined
  readonly granted: Awaited<Granting>
}

/** Phases 2 to 5. */
export async function decideTokenRequest(
  parts: TokenRequestParts,
  request: TokenRequest,
  facts: RequestFacts,
  now: EpochSeconds,
): Promise<TokenDecision> {
  const asked = await judgeAsked(parts, request, now)
  if (!asked.ok) return { granted: asked }
  const { grantType } = asked.value
  const read = await readGrantRequest(parts, request, asked.value, now)
  if (!read.ok) return { grantType, granted: read }
  const { jkt } = read.value
  return { grantType, jkt, granted: await grant(parts, grantType, read.value, facts) }
}

interface AskedGrant {
  readonly grantType: TokenGrant
  readonly application: OAuthApplication
  readonly mustBeOpenId: boolean
  readonly parameters: TokenParameters
  readonly scope: readonly string[] | undefined
  readonly resource: string | undefined
  readonly requestedScope: string | undefined
}

/**
 * Phase 2. What is given under a grant of the application is given by what is known of it; what nothing was
 * granted for before, by its registration as it is now.
 */
async function judgeAsked(
  { knownApplications }: Pick<TokenRequestParts, 'knownApplications'>,
  request: TokenRequest,
  now: EpochSeconds,
) {
  const { id } = request.application
  const read = (known: KnownApplication | undefined) =>
    isOAuthClient(known?.application)
      ? readAsked({ ...request, application: known.application })
      : refuse('unauthorized_client', { check: 'application' })
  const judged = await knownApplications.judge(id, read, now)
  return !judged.ok || UNDER_GRANT.has(judged.value.grantType)
    ? judged
    : knownApplications.judgeAnew(id, read, now)
}

function readAsked({
  application,
  form,
}: TokenRequest): Result<
  AskedGrant,
  | 'invalid_request'
  | 'unsupported_grant_type'
  | 'unauthorized_client'
  | 'invalid_scope'
  | 'invalid_target'
> {
  // What stands twice is judged as it was sent: an adapter must not make two into one.
  const sent = uniqueParameters(form, [...tokenParameters])
  if (!sent.ok) return refuse('invalid_request', sent.refusal.facts)
  if (!sent.value.grant_type) return refuse('invalid_request', { missing: 'grant_type' })
  const adapted = adaptRequest(application.oauth.requestAdapter, form)
  const read = uniqueParameters(adapted.parameters, [...tokenParameters])
  if (!read.ok) return refuse('invalid_request', read.refusal.facts)
  // RFC 6749 §3.1: a parameter without a value counts as left out.
  const parameters = Object.fromEntries(
    Object.entries(read.value).filter(([, value]) => value !== ''),
  ) as unknown as TokenParameters
  const name = parameters.grant_type ?? ''
  const grantType = CODE_GRANT_NAMES.includes(name) ? 'authorization_code' : name
  if (!isTokenGrant(grantType)) return refuse('unsupported_grant_type')
  if (!application.oauth.grantTypes.includes(grantType))
    return refuse('unauthorized_client', { grant: grantType })
  const scope = readScope(askedScope(adapted))
  if (!scope.ok) return scope
  const resource = readResource(adapted.parameters, application.oauth)
  if (!resource.ok) return resource
  return ok({
    grantType,
    application,
    mustBeOpenId: sent.value.grant_type === 'openid_code',
    parameters,
    scope: scope.value,
    resource: resource.value,
    requestedScope: adapted.requestedScope,
  })
}

/** Phase 3. */
async function readGrantRequest(
  { config, proofs }: TokenRequestParts,
  { dpop, userAgent }: TokenRequest,
  asked: AskedGrant,
  now: EpochSeconds,
): Promise<Result<GrantRequest, TokenRefusalCode>> {
  const key = await checkKey({ config, proofs }, asked.application, dpop, now)
  if (!key.ok) return key
  const { application, parameters, scope, requestedScope, resource, mustBeOpenId } = asked
  return ok({
    application,
    parameters,
    scope,
    requestedScope,
    resource,
    mustBeOpenId,
    jkt: key.value,
    userAgent,
    now,
  })
}

/** Phases 4 and 5. */
function grant(
  parts: TokenRequestParts,
  type: TokenGrant,
  request: GrantRequest,
  facts: RequestFacts,
): Granting {
  switch (type) {
    case 'authorization_code':
      return redeemCode(parts, request)
    case 'refresh_token':
      return refreshTokens(parts, request)
    case 'client_credentials':
      return grantClientCredentials(parts, request)
    case 'password':
      return grantPassword(parts, request, facts)
    case DEVICE_GRANT:
      return redeemDeviceCode(parts, request)
  }
}

function readScope(
  value: string | undefined,
): Result<readonly string[] | undefined, 'invalid_scope'> {
  if (value === undefined) return ok(undefined)
  const scope = [...new Set(value.split(' ').filter((each) => each !== ''))]
  const isGood = value.length <= LONGEST_SCOPE_CHARACTERS && scope.every(isScopeToken)
  return isGood ? ok(scope) : refuse('invalid_scope', { check: 'form' })
}

/** RFC 9449 §5: with a proof, tokens are bound to the key that made it; some applications always need one. */
async function checkKey(
  { config, proofs }: Pick<TokenRequestParts, 'config' | 'proofs'>,
  { oauth }: OAuthApplication,
  proof: string | undefined,
  now: EpochSeconds,
): Promise<Result<string | undefined, 'invalid_dpop_proof'>> {
  if (proof === undefined && !oauth.dpopBoundAccessTokens) return ok(undefined)
  const url = config.issuer + TOKEN_PATH
  const checked = await proofs.check({ proof, method: 'POST', url }, now)
  if (checked.ok) return ok(checked.value.jkt)
  const { code, facts } = checked.refusal
  return refuse('invalid_dpop_proof', { ...facts, reason: code })
}
