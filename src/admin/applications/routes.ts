/**
 * Operators register applications, change, disable and remove them. What is registered, judges and keeps
 * core/applications; what a disabled or removed application was given, ends by `core/revocation`. Their client
 * secrets are in secret-routes.ts.
 */
import type { Registered } from '../../core/applications/application-registry.ts'
import type { KeptApplication } from '../../core/applications/applications-table.ts'
import type { Registration } from '../../core/applications/registration.ts'
import type { RegistrationProblem } from '../../core/applications/registration-problem.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApi } from '../api/admin-api.ts'
import { idInPath, inPages, json, jsonBody, problems, queryText } from '../api/operation.ts'
import type { Operation } from '../api/operation.ts'
import { recordRead } from '../api/record-read.ts'
import { list, nullable, object, openObject, optional, text } from '../api/schema.ts'
import { answerProblem, inFragment } from '../problem.ts'
import type { ProblemAnswer } from '../problem.ts'
import {
  applicationSchema,
  newApplicationSchema,
  patchSchema,
  registeredSchema,
  replacementSchema,
  showApplication,
  toRegistration,
} from './application-shape.ts'
import { handoffKeyRoutes } from './handoff-key-routes.ts'
import {
  conditions,
  isKnown,
  isMatched,
  isSeen,
  isVersionNamed,
  tagged,
  tagOf,
} from './if-match.ts'
import type { Seen } from './if-match.ts'
import { patchRegistration } from './patch-registration.ts'
import { secretRoutes } from './secret-routes.ts'
import { showRegistered } from './show-registered.ts'
import { siteKeyRoutes } from './site-key-routes.ts'
import { widgetSecretRoutes } from './widget-secret-routes.ts'

const registerApplication = {
  method: 'post',
  path: '/applications',
  summary: 'Registers an application; its secret is shown in the answer, and never again',
  request: { body: jsonBody(newApplicationSchema) },
  responses: { 201: json(registeredSchema, 'Registered'), ...problems('invalid_registration') },
} satisfies Operation

const listApplications = {
  method: 'get',
  path: '/applications',
  summary: 'Applications, in order of client_id',
  request: { query: object({ cursor: optional(queryText), ...inPages }) },
  responses: {
    200: json(openObject({ applications: list(applicationSchema), next_cursor: nullable(text) })),
    ...problems(),
  },
} satisfies Operation

const showOne = {
  method: 'get',
  path: '/applications/{id}',
  summary: 'An application, with its version in ETag',
  request: { params: idInPath, headers: conditions },
  responses: {
    200: json(applicationSchema),
    304: { description: 'It is still the version in If-None-Match' },
    ...problems('not_found', 'changed_meanwhile'),
  },
} satisfies Operation

const replaceApplication = {
  method: 'put',
  path: '/applications/{id}',
  summary:
    'Replaces a whole registration; with If-Match or version, only if that is still the present one',
  request: { params: idInPath, headers: conditions, body: jsonBody(replacementSchema) },
  responses: {
    200: json(registeredSchema),
    ...problems('not_found', 'changed_meanwhile', 'invalid_registration'),
  },
} satisfies Operation

const patchApplication = {
  method: 'patch',
  path: '/applications/{id}',
  summary: 'Changes some members of a registration (JSON Merge Patch, RFC 7396)',
  request: { params: idInPath, headers: conditions, body: jsonBody(patchSchema) },
  responses: {
    200: json(registeredSchema),
    ...problems('not_found', 'changed_meanwhile', 'invalid_registration'),
  },
} satisfies Operation

const removeApplication = {
  method: 'delete',
  path: '/applications/{id}',
  summary: 'Removes an application; everything it was given ends',
  request: { params: idInPath, headers: conditions },
  responses: {
    204: { description: 'Removed' },
    ...problems('not_found', 'changed_meanwhile', 'end_pending'),
  },
} satisfies Operation

const disableApplication = {
  method: 'post',
  path: '/applications/{id}/disable',
  summary: 'Issues nothing more to an application, and ends everything it was given',
  request: { params: idInPath, headers: conditions },
  responses: {
    200: json(applicationSchema),
    ...problems('not_found', 'changed_meanwhile', 'end_pending'),
  },
} satisfies Operation

const enableApplication = {
  method: 'post',
  path: '/applications/{id}/enable',
  summary: 'Lets an application work again; nothing that has ended comes back',
  request: { params: idInPath, headers: conditions },
  responses: { 200: json(applicationSchema), ...problems('not_found', 'changed_meanwhile') },
} satisfies Operation

export function applicationRoutes(api: AdminApi, parts: AdminParts): void {
  const { audit, clock, applicationRegistry: registry } = parts
  type Context = Parameters<typeof answerProblem>[0]

  const record = (
    c: Context,
    outcome: 'registered' | 'changed' | 'removed' | 'disabled' | 'enabled',
    applicationId: string,
  ) =>
    audit.record(c.get('facts'), {
      event: `application.${outcome}`,
      actor: 'operator',
      facts: { application: applicationId },
    })

  const answerProblems = (c: Context, found: readonly RegistrationProblem[]) =>
    answerProblem(
      c,
      'invalid_registration',
      found.map(({ pointer, detail }) => ({ pointer: inFragment(pointer), detail })),
    )

  api.serve(registerApplication, async (c, { body }) => {
    const { client_id: clientId, client_secret: clientSecret, ...rest } = body
    const widgetSecret = rest.widget?.secret
    const asked = { ...toRegistration(rest), clientId, clientSecret, widgetSecret }
    const registered = await registry.register(asked, clock())
    if (!registered.ok) return answerProblems(c, registered.problems)
    const { application } = registered.value
    await record(c, 'registered', application.id)
    return c.json(showRegistered(registered.value), 201, {
      ETag: tagOf(application.version),
      Location: `/admin/api/applications/${application.id}`,
    })
  })

  api.serve(listApplications, async (c, { query }) => {
    const { cursor = '', limit } = query
    const listed = await registry.list({ after: cursor, limit })
    await recordRead(c, audit, 'applications')
    const next = listed.length === limit ? (listed.at(-1)?.id ?? null) : null
    return c.json({ applications: listed.map(showApplication), next_cursor: next })
  })

  api.serve(showOne, async (c, { params, headers }) => {
    const found = await registry.find(params.id)
    if (found === undefined) return answerProblem(c, 'not_found')
    if (!isMatched(found.version, headers)) return answerProblem(c, 'changed_meanwhile')
    await recordRead(c, audit, 'application')
    const tag = { ETag: tagOf(found.version) }
    if (isKnown(found.version, headers)) return c.body(null, 304, tag)
    return c.json(showApplication(found), 200, tag)
  })

  /** What is there now, if the operator has seen it so. */
  async function findSeen(c: Context, id: string, seen: Seen) {
    const present = await registry.find(id)
    if (present === undefined) return answerProblem(c, 'not_found')
    return isSeen(present.version, seen) ? present : answerProblem(c, 'changed_meanwhile')
  }

  /** Judged against what is there now; a change that comes in between makes it `changed_meanwhile`. */
  async function change(
    c: Context,
    id: string,
    seen: Seen,
    make: (present: KeptApplication) => Registration,
  ): Promise<Registered | ProblemAnswer> {
    const present = await findSeen(c, id, seen)
    if (present instanceof Response) return present
    const note = () => record(c, 'changed', id)
    const changed = await registry.change(present, make(present), clock(), note)
    if (!changed.ok) return answerProblems(c, changed.problems)
    if (!changed.value.ok) return answerProblem(c, CHANGE_PROBLEMS[changed.value.refusal.code])
    return changed.value.value
  }

  api.serve(replaceApplication, async (c, { params, headers, body }) => {
    const { id } = params
    const { client_id: named, version, ...rest } = body
    if (named !== undefined && named !== id) {
      return answerProblems(c, [{ pointer: '/client_id', detail: 'is not the one in the path' }])
    }
    const seen = { headers, version }
    const changed = await change(c, id, seen, () => toRegistration(rest))
    if (changed instanceof Response) return changed
    return c.json(showRegistered(changed), 200, { ETag: tagOf(changed.application.version) })
  })

  api.serve(patchApplication, async (c, { params, headers, body }) => {
    const { version, ...patch } = body
    const seen = { headers, version }
    const { id } = params
    const changed = await change(c, id, seen, (present) => patchRegistration(present, patch))
    if (changed instanceof Response) return changed
    return c.json(showRegistered(changed), 200, { ETag: tagOf(changed.application.version) })
  })

  /** Every change of it has its line, whatever becomes of the rest of the request. */
  async function setStatus(c: Context, id: string, status: 'active' | 'disabled', seen: Seen) {
    const present = await findSeen(c, id, seen)
    if (present instanceof Response) return present
    const version = isVersionNamed(seen) ? present.version : undefined
    const changed = await registry.setStatus(id, status, clock(), version)
    if (!changed.ok) return answerProblem(c, CHANGE_PROBLEMS[changed.refusal.code])
    if (present.status !== status) {
      await record(c, status === 'active' ? 'enabled' : 'disabled', id)
    }
    return changed.value
  }

  /** Its tokens and grants end as well, and what it opened itself. The directory has let go of it before. */
  async function disable(c: Context, id: string, seen: Seen) {
    const disabled = await setStatus(c, id, 'disabled', seen)
    if (disabled instanceof Response) return disabled
    const end = { scope: 'application', id, cause: 'application_removed', now: clock() } as const
    const ended = await parts.startCutOff(c.get('facts'), end)
    return ended.ok ? disabled : tagged(answerProblem(c, 'end_pending'), disabled.version)
  }

  api.serve(removeApplication, async (c, { params, headers }) => {
    const { id } = params
    // Disabled first: what cannot be ended now is found, and ended, when the request is repeated.
    const disabled = await disable(c, id, { headers })
    if (disabled instanceof Response) return disabled
    // One that was let in again meanwhile has been given things that have not ended.
    const removed = await registry.remove(id, disabled.version)
    if (!removed.ok) return answerProblem(c, CHANGE_PROBLEMS[removed.refusal.code])
    await record(c, 'removed', id)
    return c.body(null, 204)
  })

  api.serve(disableApplication, async (c, { params, headers }) => {
    const disabled = await disable(c, params.id, { headers })
    if (disabled instanceof Response) return disabled
    return c.json(showApplication(disabled), 200, { ETag: tagOf(disabled.version) })
  })

  api.serve(enableApplication, async (c, { params, headers }) => {
    const enabled = await setStatus(c, params.id, 'active', { headers })
    if (enabled instanceof Response) return enabled
    return c.json(showApplication(enabled), 200, { ETag: tagOf(enabled.version) })
  })

  secretRoutes(api, parts)
  handoffKeyRoutes(api, parts)
  siteKeyRoutes(api, parts)
  widgetSecretRoutes(api, parts)
}

const CHANGE_PROBLEMS = {
  unknown_application: 'not_found',
  changed_meanwhile: 'changed_meanwhile',
} as const
