/**
 * The `claims` parameter (OpenID Connect Core 1.0 §5.5): claims asked for one by one. Read once, when the
 * request arrives; what is kept of it is only what we will act on. An `essential` that we cannot give is no
 * error (§5.5.1); a `sub` or an essential `acr` that does not fit is, and is for the authorization to judge.
 */
import { isJsonObject } from '../platform/json-object.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { claimsOfScope, isPersonalClaim } from './claims.ts'
import type { PersonalClaim } from './claims.ts'

/** Plain JSON: it waits in grants as it is. */
export interface ClaimsRequest {
  /** Claims about the person, for UserInfo and for the ID token. */
  readonly userinfo: readonly PersonalClaim[]
  readonly idToken: readonly PersonalClaim[]
  /** §5.5.1: the person must be this one, as the application knows them. */
  readonly sub?: string
  /** §5.5.1.1: any of these, by preference; `essential`: one of them or no answer. */
  readonly acr?: { readonly values: readonly string[]; readonly isEssential: boolean }
}

export const NO_CLAIMS_ASKED: ClaimsRequest = { userinfo: [], idToken: [] }

const LONGEST_PARAMETER = 4096

/**
 * Reads the parameter. Members that we do not know are left out, as §5.5 has it, and so are claims whose
 * scope the application is not registered for: asking in other words widens nothing.
 */
export function parseClaimsRequest(
  text: string,
  registered: { readonly scope: readonly string[] },
): Result<ClaimsRequest, 'invalid_claims'> {
  if (text.length > LONGEST_PARAMETER) return refuse('invalid_claims', { check: 'size' })
  const value = parseJson(text)
  if (!isJsonObject(value)) return refuse('invalid_claims', { check: 'form' })
  const userinfo = membersOf(value.userinfo)
  const idToken = membersOf(value.id_token)
  if (userinfo === undefined || idToken === undefined)
    return refuse('invalid_claims', { check: 'member' })

  const mayAsk = new Set<string>(claimsOfScope(registered.scope))
  const personal = (members: Members): PersonalClaim[] =>
    [...members.keys()].filter((name) => isPersonalClaim(name)).filter((name) => mayAsk.has(name))

  const subjects = [userinfo.get('sub'), idToken.get('sub')].flatMap((asked) => asked?.values ?? [])
  // Two subjects at once is nobody.
  const sub = new Set(subjects).size > 1 ? '' : subjects[0]
  const acr = idToken.get('acr')
  return ok({
    userinfo: personal(userinfo),
    idToken: personal(idToken),
    ...(sub === undefined ? {} : { sub }),
    ...(acr === undefined ? {} : { acr }),
  })
}

/** What a grant carries of it; a grant from before there was any has none. */
export function keptClaimsRequest(value: unknown): ClaimsRequest {
  if (!isJsonObject(value)) return NO_CLAIMS_ASKED
  const names = (list: unknown) =>
    Array.isArray(list) ? list.filter((name) => isPersonalClaim(name)) : []
  return { ...value, userinfo: names(value.userinfo), idToken: names(value.idToken) }
}

type Members = ReadonlyMap<
  string,
  { readonly values: readonly string[]; readonly isEssential: boolean }
>

/** Claims that decide who may be answered for, or how they have to have signed in. */
const DECIDING = ['sub', 'acr']

/**
 * The claims of one member, each `null` or an object (§5.5.1); undefined when it is neither, or when what it says
 * cannot be read: a condition that nobody can meet must not be taken for none. A `null` inside counts as left out.
 */
function membersOf(value: unknown): Members | undefined {
  if (value === undefined || value === null) return new Map()
  if (!isJsonObject(value)) return undefined
  const members = new Map<string, { values: readonly string[]; isEssential: boolean }>()
  for (const [name, asked] of Object.entries(value)) {
    if (asked !== null && !isJsonObject(asked)) return undefined
    const list = asked?.values ?? []
    const isEssential = asked?.essential ?? false
    if (!Array.isArray(list) || typeof isEssential !== 'boolean') return undefined
    const wanted = [asked?.value ?? undefined, ...list].filter((each) => each !== undefined)
    const values = wanted.filter((each) => typeof each === 'string')
    if (DECIDING.includes(name) && values.length < wanted.length) return undefined
    members.set(name, { values, isEssential })
  }
  return members
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
