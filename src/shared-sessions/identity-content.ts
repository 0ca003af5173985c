/**
 * What sites push of a person: a fixed set of members in OneAll's names, each of the type that it should
 * have. Nothing else is kept: no token, no id of ours, no `source`, which we know ourselves, and no `roles`, since what somebody may do is not for
 * another site to say (and what is told to WordPress under that name breaks it under PHP 8).
 */
import type { ContentChange, IdentityContent, SiteIdentity } from '../core/users/site-user.ts'
import { parseProfileClaims } from '../core/users/profile-claims.ts'
import type { ProfileClaims } from '../core/users/profile-claims.ts'
import type { Profile } from '../core/sessions/session.ts'
import { isJsonObject } from '../platform/json-object.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Read } from './wire-values.ts'
import { isTrue } from './wire-values.ts'

const TEXTS: readonly string[] = [
  'id',
  'preferredUsername',
  'displayName',
  'profileUrl',
  'thumbnailUrl',
  'pictureUrl',
  'currentLocation',
  'aboutMe',
  'note',
  'birthday',
  'gender',
  'utcOffset',
]
const OBJECTS = ['name', 'relationship']
const LISTS: readonly string[] = [
  'emails',
  'urls',
  'accounts',
  'photos',
  'languages',
  'locales',
  'interests',
  'phoneNumbers',
  'organizations',
  'addresses',
]
/** Any JSON, replaced as a whole. */
const FREE = 'customData'

const LONGEST_TEXT = 4096
const LONGEST_LIST = 100
const LONGEST_CONTENT = 64 * 1024

/** How the content of an identity changes by what a site has sent of it. `null` and blank members remove. */
export function readContentChange(
  sent: Readonly<Record<string, unknown>>,
  mode: 'replace' | 'append',
): Read<ContentChange> {
  for (const [name, value] of Object.entries(sent)) {
    if (isFit(name, value)) continue
    return refuse('invalid', { member: name })
  }
  if (JSON.stringify(sent).length > LONGEST_CONTENT) return refuse('invalid', { check: 'size' })
  return ok({
    merge: (before) => ifKept(merged(before, sent, mode)),
    profileOf,
  })
}

function isFit(name: string, value: unknown): boolean {
  if (isBlank(value) || name === FREE) return true
  if (TEXTS.includes(name)) return isText(value)
  if (OBJECTS.includes(name)) {
    return (
      isJsonObject(value) && Object.values(value).every((each) => isBlank(each) || isText(each))
    )
  }
  if (LISTS.includes(name)) {
    return (
      Array.isArray(value) && value.length <= LONGEST_LIST && value.every((each) => isEntry(each))
    )
  }
  // Whatever else is sent says nothing to us.
  return true
}

const isText = (value: unknown): boolean =>
  (typeof value === 'string' && value.length <= LONGEST_TEXT) || typeof value === 'number'

const isEntry = (value: unknown): boolean =>
  isJsonObject(value) &&
  Object.values(value).every((each) => isBlank(each) || isText(each) || typeof each === 'boolean')

const isBlank = (value: unknown): boolean =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0)

function merged(
  before: IdentityContent,
  sent: Readonly<Record<string, unknown>>,
  mode: 'replace' | 'append',
): IdentityContent {
  const members = new Map(Object.entries(before))
  for (const [name, value] of Object.entries(sent)) {
    if (![...TEXTS, ...OBJECTS, ...LISTS, FREE].includes(name)) continue
    const after = mergedMember(name, members.get(name), value, mode)
    if (after === undefined) members.delete(name)
    else members.set(name, after)
  }
  return Object.fromEntries(members)
}

function mergedMember(
  name: string,
  before: unknown,
  value: unknown,
  mode: 'replace' | 'append',
): unknown {
  const isAppending = mode === 'append' && LISTS.includes(name)
  if (isBlank(value)) return isAppending ? before : undefined
  if (name === FREE) return value
  if (TEXTS.includes(name)) return String(value)
  if (OBJECTS.includes(name)) {
    const kept = { ...(before as object), ...(value as object) }
    const named = Object.entries(kept).filter(([, each]) => !isBlank(each))
    return named.length === 0 ? undefined : Object.fromEntries(named)
  }
  const entries = (value as Record<string, unknown>[]).map(plainEntry)
  if (!isAppending) return entries
  const known = (before ?? []) as unknown[]
  const added = entries.filter((entry) => !known.some((each) => isSame(each, entry)))
  return [...known, ...added]
}

/** WordPress and Android read `is_verified` as a boolean. It is the site's word, told to its company's sites alone. */
const plainEntry = (entry: Record<string, unknown>): Record<string, unknown> =>
  'is_verified' in entry ? { ...entry, is_verified: isTrue(entry['is_verified']) } : entry

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Nothing grows without end, and nothing is dropped in silence. */
const ifKept = (content: IdentityContent): IdentityContent | undefined => {
  const isLong = LISTS.some((name) => ((content[name] ?? []) as unknown[]).length > LONGEST_LIST)
  return isLong || JSON.stringify(content).length > LONGEST_CONTENT ? undefined : content
}

/** What the directory, and sessions on this identity, may say of the person. Nothing of it is verified. */
export function profileOf(content: IdentityContent): ProfileClaims {
  const name = isJsonObject(content['name']) ? content['name'] : {}
  const parts = [name['givenName'], name['familyName']].filter((part) => typeof part === 'string')
  const [email] = (content['emails'] ?? []) as readonly { readonly value?: unknown }[]
  return parseProfileClaims({
    name: content['displayName'] ?? name['formatted'] ?? (parts.join(' ') || undefined),
    preferred_username: content['preferredUsername'],
    email: email?.value,
    picture: content['pictureUrl'] ?? content['thumbnailUrl'],
  })
}

/** The profile of a session on an identity. */
export function sessionProfile({ content }: Pick<SiteIdentity, 'content'>): Profile {
  const { name, email, picture } = profileOf(content)
  return {
    ...(name !== undefined && { name }),
    ...(email !== undefined && { email: email.text, emailVerified: false }),
    ...(picture !== undefined && { picture }),
  }
}

/** What is told of somebody who came from an identity provider. */
export function contentOfProfile(profile: Profile): IdentityContent {
  const { name, givenName, familyName, preferredUsername, email, emailVerified, picture } = profile
  const names = {
    ...(name !== undefined && { formatted: name }),
    ...(givenName !== undefined && { givenName }),
    ...(familyName !== undefined && { familyName }),
  }
  return {
    ...(Object.keys(names).length > 0 && { name: names }),
    ...(name !== undefined && { displayName: name }),
    ...(preferredUsername !== undefined && { preferredUsername }),
    ...(email !== undefined && {
      emails: [{ value: email, is_verified: emailVerified === true }],
    }),
    ...(picture !== undefined && { pictureUrl: picture, photos: [{ value: picture, size: 'M' }] }),
  }
}
