/**
 * From a request to a site's resource to its answer: the site is found and proves itself, the body is read,
 * the resource does its work, and whatever comes of it leaves in the envelope.
 */
import { parseBasicKeys } from '../protocol/basic-keys.ts'
import { describeThrown, log } from '../platform/log.ts'
import { isJsonObject } from '../platform/json-object.ts'
import { readUndeclaredJson } from '../platform/read-json.ts'
import type { RequestFacts } from '../platform/request-facts.ts'
import type { Refusal } from '../platform/refusal.ts'
import { parseNonce } from './connect.ts'
import { answerHeaders, envelope, failed } from './envelope.ts'
import type { Answer, AnswerCode } from './envelope.ts'
import { findResource } from './resources.ts'
import type { Resource } from './resources.ts'
import type { SiteCaller, SiteParts } from './site-parts.ts'
import { readObject } from './wire-values.ts'

export interface AskedOfSite {
  readonly raw: Request
  readonly facts: RequestFacts
  readonly subdomain: string
  /** Below the site. */
  readonly path: string
}

export async function answerSite(parts: SiteParts, asked: AskedOfSite): Promise<Response> {
  if (asked.path === '/ping.html') return new Response('ok', { headers: PING })
  const answer = await answerOf(parts, asked).catch((thrown: unknown) => {
    // As a rule it is the directory that throws; asking again goes on from where that was.
    const request_id = asked.facts.requestId
    log('error', { event: 'request.failed', request_id, error: describeThrown(thrown) })
    return failed(503)
  })
  const resource = asked.path + new URL(asked.raw.url).search
  const text = envelope(answer, resource, parts.clock())
  const bytes = new TextEncoder().encode(text)
  // Some clients cannot read chunks.
  const headers = { ...answerHeaders(answer), 'Content-Length': String(bytes.length) }
  return new Response(bytes, { status: answer.code, headers })
}

const PING = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }

async function answerOf(parts: SiteParts, asked: AskedOfSite): Promise<Answer> {
  const { raw, path, facts } = asked
  const refused = (refusal: Refusal, code: AnswerCode, info?: string) =>
    refuseRequest(parts, facts, { refusal, code, info })

  const found = findResource(raw.method, path)
  const phone = found.kind === 'found' ? phoneOf(raw, found.resource) : undefined
  const site = phone ? await enterByPhone(parts, asked) : await enterByKeys(parts, asked)
  if (!site.ok) {
    if (site.refusal.code !== 'rate_limited')
      return refused(site.refusal, siteCode(site.refusal.code))
    return { ...(await refused(site.refusal, 429)), headers: { 'Retry-After': '60' } }
  }
  if (found.kind === 'other_methods') {
    return { ...failed(405), headers: { Allow: found.methods.join(', ') } }
  }
  if (found.kind !== 'found') return failed(found.kind === 'not_offered' ? 501 : 404)
  const { resource, tokens } = found
  const { searchParams: query } = new URL(raw.url)
  const problem = checkQuery(resource, query)
  if (problem !== undefined) return failed(400, problem)
  const body = await readUndeclaredJson(raw)
  if (!body.ok) {
    const isTooLarge = body.refusal.code === 'body_too_large'
    return refused(body.refusal, isTooLarge ? 413 : 400)
  }
  const content = contentOf(body.value)
  if (content === undefined) return refused({ code: 'invalid_body' }, 400)
  const caller = phone ?? SERVER
  const now = parts.clock()
  const request = { site: site.value, caller, facts, now, tokens, query, content }
  const answer = await resource.answer(parts, request)
  if (resource.tellsOfPeople && answer.code < 400) {
    const more = { application: site.value.applicationId, resource: resource.path }
    await parts.audit.record(facts, { event: 'site.read', facts: more })
  }
  return answer
}

const SERVER: SiteCaller = { kind: 'server' }

/** Who brings keys is the site's server, whatever else is there. */
function phoneOf(raw: Request, { phoneBrings }: Resource): SiteCaller | undefined {
  const header = raw.headers.get('authorization')
  if (phoneBrings === 'nothing' && header === null) return { kind: 'phone', nonce: undefined }
  const [, given] = (phoneBrings === 'nonce' && /^OneAllNonce +(\S+)$/i.exec(header ?? '')) || []
  const nonce = parseNonce(given)
  return nonce === undefined ? undefined : { kind: 'phone', nonce }
}

async function enterByPhone({ doors, sites }: SiteParts, { subdomain, facts }: AskedOfSite) {
  const door = await doors.mayEnter('sign_in', facts)
  return door.ok ? sites.find(subdomain) : door
}

/** Only those who have no good keys are counted. */
async function enterByKeys(
  { clock, doors, sites }: SiteParts,
  { raw, subdomain, facts }: AskedOfSite,
) {
  const keys = parseBasicKeys(raw.headers.get('authorization') ?? undefined)
  const site = await sites.authenticate(subdomain, keys, clock())
  if (site.ok) return site
  const door = await doors.mayEnter('back_channel', facts)
  return door.ok ? site : door
}

function siteCode(code: 'unknown_site' | 'wrong_keys' | 'unavailable'): AnswerCode {
  if (code === 'unavailable') return 503
  return code === 'wrong_keys' ? 401 : 404
}

/** Both, where one of them is given twice, would be read two ways. */
function checkQuery({ isDeletion }: Resource, query: URLSearchParams): string | undefined {
  const confirmations = query.getAll('confirm_deletion')
  if (!isDeletion || (confirmations.length === 1 && confirmations[0] === 'true')) return undefined
  return 'Nothing is removed without confirm_deletion=true'
}

/** What stands under `request`; PHP writes `[]` for an object that is empty. */
function contentOf(body: unknown): Readonly<Record<string, unknown>> | undefined {
  const holder = Array.isArray(body) && body.length === 0 ? {} : (body ?? {})
  if (!isJsonObject(holder)) return undefined
  const content = readObject(holder, 'request')
  return content.ok ? content.value : undefined
}

async function refuseRequest(
  { audit }: SiteParts,
  facts: RequestFacts,
  { refusal, code, info }: { refusal: Refusal; code: AnswerCode; info: string | undefined },
): Promise<Answer> {
  await audit.record(facts, {
    event: code === 429 ? 'rate.limited' : 'site.refused',
    refusal,
  })
  return failed(code, info)
}
