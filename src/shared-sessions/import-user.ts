/**
 * `PUT /users.json`: an application has signed somebody in with one of our identity providers by itself, and brings
 * the token that it has got. What the token proves, `core/identity-providers` says; the person then is who they would
 * be after a sign-in with us. No session comes of it.
 *
 * On a phone there are no keys of the site's: the token is all that its bearer has to show, and they are told
 * of nobody but the person in it. Whose the person becomes, only the site's server may say.
 */
import type { IdentityProvider } from '../core/identity-providers/identity-provider.ts'
import type { PresentedPerson } from '../core/identity-providers/presented-tokens.ts'
import type { ConnectedPerson, SiteUser } from '../core/users/site-user.ts'
import { profileOf } from '../core/users/user-profile.ts'
import { mayComeBy } from '../core/users/users.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Result } from '../platform/refusal.ts'
import { created, done, failed } from './envelope.ts'
import type { Answer, AnswerCode } from './envelope.ts'
import { contentOfProfile } from './identity-content.ts'
import type { SiteParts, SiteRequest } from './site-parts.ts'
import { CANNOT_MOVE, moveIdentity } from './user-resources.ts'
import { identityNode, phoneUserNode, userNode } from './wire-nodes.ts'
import { all, readObject, readText } from './wire-values.ts'
import type { Read } from './wire-values.ts'

const LONGEST_TOKEN = 8192

interface WantedImport {
  readonly userToken: string | undefined
  readonly providerId: string | undefined
  readonly accessToken: string | undefined
  readonly idToken: string | undefined
}

type ImportRefusal =
  | 'invalid'
  | 'keys_missing'
  | 'not_first_party'
  | 'unknown_provider'
  | 'unknown_user'
  | 'token_refused'
  | 'token_unbound'
  | 'provider_unavailable'
  | 'account_disabled'
  | 'link_conflict'
  | 'email_domain_not_allowed'
  | 'not_theirs'
  | 'unavailable'

const ANSWERS: Readonly<Record<ImportRefusal, readonly [code: AnswerCode, info?: string]>> = {
  invalid: [400],
  keys_missing: [401, 'Only the site’s server may say whose identity this becomes'],
  not_first_party: [403],
  unknown_provider: [400, 'The key of the source is that of no identity provider here'],
  unknown_user: [404],
  token_refused: [400, 'The token is not good, or was not issued to us'],
  token_unbound: [
    400,
    'This provider does not say whom an access token was issued to; send its id_token',
  ],
  provider_unavailable: [503],
  account_disabled: [409],
  link_conflict: [409],
  email_domain_not_allowed: [403],
  not_theirs: [409, CANNOT_MOVE],
  unavailable: [503],
}

/** PUT /users.json: 201 where the company has not known the identity before. */
export async function importUser(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const { site, facts, caller } = request
  const imported = await bringIn(parts, request)
  const more = { application: site.applicationId }
  if (!imported.ok) {
    const { refusal } = imported
    await parts.audit.record(facts, { event: 'site_user.refused', refusal, facts: more })
    const [code, info] = ANSWERS[refusal.code]
    return failed(code, info)
  }
  const { user, identity, isNew } = imported.value
  await parts.audit.record(facts, {
    event: 'site_user.changed',
    userId: user.userId,
    providerId: identity.providerId,
    facts: { ...more, what: 'imported', by: caller.kind },
  })
  const known = { user, identities: await parts.siteUsers.identitiesOf(user) }
  const told = caller.kind === 'phone' ? phoneUserNode(user) : userNode(known)
  const data = { user: { ...told, identity: identityNode(identity) } }
  return isNew ? created(data) : done(data)
}

async function bringIn(
  parts: SiteParts,
  request: SiteRequest,
): Promise<Result<ConnectedPerson, ImportRefusal>> {
  const { site, now } = request
  const wanted = readImport(request.content)
  if (!wanted.ok) return wanted
  const { userToken, providerId, ...tokens } = wanted.value
  if (userToken !== undefined && request.caller.kind !== 'server') return refuse('keys_missing')
  // As with every way of a person from us to a site.
  if (!site.isFirstParty) return refuse('not_first_party')
  const provider = providerId === undefined ? undefined : parts.identityProviders.find(providerId)
  if (provider === undefined) return refuse('unknown_provider')
  const target =
    userToken === undefined ? undefined : await parts.siteUsers.find(site.company, { userToken })
  if (userToken !== undefined && target === undefined) return refuse('unknown_user')
  const person = await provider.verifyPresented(tokens, now)
  if (!person.ok) return person
  if (!mayComeBy(person.value.claims, provider.config)) return refuse('email_domain_not_allowed')
  return target === undefined
    ? admit(parts, request, provider, person.value)
    : admitAs(parts, request, provider, person.value, target)
}

function readImport(content: SiteRequest['content']): Read<WantedImport> {
  const user = readObject(content, 'user')
  const identity = user.ok ? readObject(user.value, 'identity') : user
  const source = identity.ok ? readObject(identity.value, 'source') : identity
  if (!user.ok || !source.ok) return refuse('invalid')
  const given = all({
    accessToken: readObject(source.value, 'access_token'),
    idToken: readObject(source.value, 'id_token'),
  })
  if (!given.ok) return given
  const fields = all({
    action: readText(user.value, 'action'),
    userToken: readText(user.value, 'user_token'),
    providerId: readText(source.value, 'key'),
    accessToken: readText(given.value.accessToken, 'key', LONGEST_TOKEN),
    idToken: readText(given.value.idToken, 'value', LONGEST_TOKEN),
  })
  if (!fields.ok) return fields
  const { action, ...wanted } = fields.value
  const isImport = action === undefined || action === 'import_from_access_token'
  return isImport ? ok(wanted) : refuse('invalid', { member: 'action' })
}

const identityOf = (
  { config }: IdentityProvider,
  { issuer, subject, claims }: PresentedPerson,
  now: number,
) => ({ provider: config, issuer, subject, claims, now })

/** Whoever the person is to us, found or new. */
async function admit(
  parts: SiteParts,
  request: SiteRequest,
  provider: IdentityProvider,
  person: PresentedPerson,
): Promise<Result<ConnectedPerson, ImportRefusal>> {
  const account = await parts.users.signIn(identityOf(provider, person, request.now))
  if (!account.ok) return account
  const { user } = account.value
  return connect(parts, request, provider, person, { userId: user.id, profile: profileOf(user) })
}

/** The user that the site's server has named. */
async function admitAs(
  parts: SiteParts,
  request: SiteRequest,
  provider: IdentityProvider,
  person: PresentedPerson,
  target: SiteUser,
): Promise<Result<ConnectedPerson, ImportRefusal>> {
  const { siteUsers, users } = parts
  const { company } = request.site
  const known = await siteUsers.findByIdentity(company, person.issuer, person.subject)
  const holder = known && (await siteUsers.find(company, { userToken: known.userToken }))
  if (known !== undefined && holder === undefined) return refuse('not_theirs')
  if (known !== undefined && holder !== undefined && holder.userToken !== target.userToken) {
    const moved = await moveIdentity(parts, request, { identity: known, holder, user: target })
    if (!moved.ok) return moved
  } else if (known === undefined && (await siteUsers.isOfOthers(target))) {
    return refuse('not_theirs')
  }
  const attached = await users.attach(identityOf(provider, person, request.now), target)
  if (!attached.ok) return attached
  const profile = profileOf(attached.value.user)
  return connect(parts, request, provider, person, { ...target, profile })
}

async function connect(
  { siteUsers }: SiteParts,
  { site, now }: SiteRequest,
  { config }: IdentityProvider,
  { issuer, subject }: PresentedPerson,
  {
    userId,
    userToken,
    profile,
  }: Pick<SiteUser, 'userId'> &
    Partial<Pick<SiteUser, 'userToken'>> & { readonly profile: ReturnType<typeof profileOf> },
): Promise<Result<ConnectedPerson, ImportRefusal>> {
  const content = contentOfProfile(profile)
  const named = userToken === undefined ? {} : { userToken }
  const person = { userId, issuer, subject, providerId: config.id, content, ...named }
  const connected = await siteUsers.connect(site.company, person, now)
  return connected === undefined ? refuse('not_theirs') : ok(connected)
}
