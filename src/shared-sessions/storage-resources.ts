/** `/storage/users…`: sites push people to the store that they share, and look them up. */
import type {
  KnownUser,
  PushedAccount,
  ContentChange,
  UserCriteria,
} from '../core/users/site-user.ts'
import { passwordBytes } from '../platform/password-hash.ts'
import { ok, refuse } from '../platform/refusal.ts'
import type { Refusal } from '../platform/refusal.ts'
import { created, done, failed } from './envelope.ts'
import type { Answer, AnswerCode } from './envelope.ts'
import { readContentChange } from './identity-content.ts'
import type { SiteParts, SiteRequest } from './site-parts.ts'
import { storageUserNode } from './wire-nodes.ts'
import { all, readObject, readText } from './wire-values.ts'
import type { Read } from './wire-values.ts'

const LONGEST_NAME = 255
/** Two sites that write the same person at once: one of them has to look again. */
const WRITE_ATTEMPTS = 3

type Pushed = PushedAccount & { readonly change: ContentChange | undefined }

/** What stands under `user`. A blank login removes it where `mayRemove`; WordPress sends blank ones at creation. */
function readPushed(
  user: Readonly<Record<string, unknown>>,
  mode: Mode,
  mayRemove: boolean,
): Read<Pushed> {
  const fields = all({
    externalId: readText(user, 'externalid', LONGEST_NAME),
    login: readText(user, 'login', LONGEST_NAME),
    password: readPassword(user),
    identity: readObject(user, 'identity'),
  })
  if (!fields.ok) return fields
  const { externalId, login, password, identity } = fields.value
  const change = readContentChange(identity, mode)
  if (!change.ok) return change
  const isRemoved = mayRemove && 'login' in user && login === undefined
  return ok({
    externalId,
    login: isRemoved ? null : login,
    password,
    change: 'identity' in user ? change.value : undefined,
  })
}

/** Opaque text: some clients send a hash of their own making. */
function readPassword(user: Readonly<Record<string, unknown>>): Read<string | undefined> {
  const password = readText(user, 'password')
  if (!password.ok || password.value === undefined) return password
  const isUsable = passwordBytes(password.value) !== undefined
  return isUsable ? password : refuse('invalid', { member: 'password' })
}

const NO_CHANGE = readContentChange({}, 'replace')

/** POST /storage/users.json */
export async function createUser(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const user = readObject(request.content, 'user')
  const pushed = user.ok ? readPushed(user.value, 'replace', false) : user
  if (!pushed.ok) return refused(parts, request, pushed.refusal, 400)
  return create(parts, request, pushed.value)
}

async function create(parts: SiteParts, request: SiteRequest, pushed: Pushed): Promise<Answer> {
  const { site, now } = request
  const change = pushed.change ?? (NO_CHANGE.ok ? NO_CHANGE.value : undefined)
  if (change === undefined) return failed(400)
  const made = await parts.siteUsers.create(site.company, { ...pushed, change }, now)
  if (!made.ok) return refused(parts, request, made.refusal, 409)
  await written(parts, request, made.value, 'created')
  return created({ user: storageUserNode(made.value) })
}

/** PUT and POST /storage/users/<user_token>.json */
export async function updateUser(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const [userToken = ''] = request.tokens
  const read = all({
    mode: readMode(request.content),
    user: readObject(request.content, 'user'),
  })
  if (!read.ok) return refused(parts, request, read.refusal, 400)
  const { mode, user } = read.value
  const pushed = readPushed(user, mode, mode === 'replace')
  if (!pushed.ok) return refused(parts, request, pushed.refusal, 400)
  return update(parts, request, userToken, pushed.value)
}

type Mode = 'replace' | 'append'

/** What somebody may have meant by another word is not guessed: one of the two removes what is there. */
function readMode(holder: Readonly<Record<string, unknown>>): Read<Mode> {
  const { update_mode: given } = holder
  if (given === 'append') return ok(given)
  const isReplace = [undefined, null, '', 'replace'].some((each) => each === given)
  return isReplace ? ok('replace') : refuse('invalid', { member: 'update_mode' })
}

async function update(
  parts: SiteParts,
  request: SiteRequest,
  userToken: string,
  pushed: Pushed,
): Promise<Answer> {
  const { site, now } = request
  for (let attempt = 1; ; attempt += 1) {
    const changed = await parts.siteUsers.update(site.company, userToken, pushed, now)
    if (changed.ok) {
      await written(parts, request, changed.value, 'updated')
      const data = { user: storageUserNode(changed.value) }
      return changed.value.isIdentityNew ? created(data) : done(data)
    }
    const { code } = changed.refusal
    if (code === 'changed_meanwhile' && attempt < WRITE_ATTEMPTS) continue
    return refused(parts, request, changed.refusal, code === 'unknown_user' ? 404 : 409)
  }
}

/** PUT /storage/users/user/synchronize.json: found by one identifier, and made where nobody is found. */
export async function synchronizeUser(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const synchronize = readObject(request.content, 'synchronize')
  if (!synchronize.ok) return refused(parts, request, synchronize.refusal, 400)
  const fields = all({
    identifier: readObject(synchronize.value, 'identifier'),
    user: readObject(synchronize.value, 'user'),
    mode: readMode(synchronize.value),
  })
  if (!fields.ok) return refused(parts, request, fields.refusal, 400)
  const { identifier, user, mode } = fields.value
  const read = all({
    field: readText(identifier, 'field'),
    value: readText(identifier, 'value', LONGEST_NAME),
    pushed: readPushed(user, mode, false),
  })
  if (!read.ok) return refused(parts, request, read.refusal, 400)
  const { field, value, pushed } = read.value
  const criteria = value === undefined ? undefined : criteriaOf(field, value)
  if (criteria === undefined) {
    const code = 'unusable_identifier'
    return refused(parts, request, { code }, 400, 'field is user_token, externalid or login')
  }
  const known = await parts.siteUsers.find(request.site.company, criteria)
  if (known !== undefined) return update(parts, request, known.userToken, pushed)
  // A token is ours to give: nobody is made under one that a site has chosen.
  if (criteria.userToken !== undefined)
    return refused(parts, request, { code: 'unknown_user' }, 404)
  const named = {
    externalId: pushed.externalId ?? criteria.externalId,
    login: pushed.login ?? criteria.login,
  }
  const answer = await create(parts, request, { ...pushed, ...named })
  if (answer.code !== 409) return answer
  // Made by another site in between.
  const other = await parts.siteUsers.find(request.site.company, criteria)
  return other === undefined ? answer : update(parts, request, other.userToken, pushed)
}

function criteriaOf(field: string | undefined, value: string): UserCriteria | undefined {
  if (field === 'user_token') return { userToken: value }
  if (field === 'externalid') return { externalId: value }
  return field === 'login' ? { login: value } : undefined
}

/** POST /storage/users/user/lookup.json: all that is given must be right. */
export async function lookUpUser(parts: SiteParts, request: SiteRequest): Promise<Answer> {
  const user = readObject(request.content, 'user')
  const fields = user.ok
    ? all({
        userToken: readText(user.value, 'user_token'),
        externalId: readText(user.value, 'externalid', LONGEST_NAME),
        login: readText(user.value, 'login', LONGEST_NAME),
        password: readPassword(user.value),
      })
    : user
  if (!fields.ok) return refused(parts, request, fields.refusal, 400)
  const { password, ...criteria } = fields.value
  // A form that nobody has filled in sends a blank one: it is wrong, and not as if none were there.
  const isPasswordGiven = user.ok && (user.value['password'] ?? undefined) !== undefined
  if (Object.values(criteria).every((value) => value === undefined)) {
    return refused(parts, request, { code: 'no_criteria' }, 400, 'Nothing says who is looked up')
  }
  const { site, now, facts } = request
  const found = await parts.siteUsers.find(site.company, criteria)
  if (found === undefined) return failed(404)
  if (isPasswordGiven) {
    const checked = await parts.siteUsers.checkPassword(found, password ?? '', now)
    if (!checked.ok) {
      const { code, facts: more } = checked.refusal
      await parts.audit.record(facts, {
        event: 'site_user.refused',
        userId: found.userId,
        refusal: checked.refusal,
        facts: { application: site.applicationId },
      })
      if (code === 'wrong_password') return failed(401, 'The password is wrong')
      if (code === 'user_disabled') return failed(409)
      return { ...failed(429), headers: { 'Retry-After': String(more?.['retry_after_seconds']) } }
    }
    await parts.siteUsers.noteLogin(found, now)
  }
  const identities = await parts.siteUsers.identitiesOf(found)
  return done({ user: storageUserNode({ user: found, identities }) })
}

async function refused(
  { audit }: SiteParts,
  { site, facts }: SiteRequest,
  refusal: Refusal,
  code: AnswerCode,
  info?: string,
): Promise<Answer> {
  const more = { application: site.applicationId }
  await audit.record(facts, { event: 'site_user.refused', refusal, facts: more })
  return failed(code, info ?? WHY[refusal.code])
}

const WHY: Readonly<Record<string, string>> = {
  taken: 'The externalid or login is that of another user',
  too_large: 'There is more of this identity than is kept',
}

async function written(
  { audit }: SiteParts,
  { site, facts }: SiteRequest,
  { user }: KnownUser,
  what: 'created' | 'updated',
): Promise<void> {
  const more = { application: site.applicationId, what }
  await audit.record(facts, {
    event: 'site_user.changed',
    userId: user.userId,
    facts: more,
  })
}
