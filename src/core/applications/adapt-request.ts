import { UNTOUCHABLE_PARAMETERS } from './adapter-rules.ts'
import type { AdapterRule } from './request-adapter.ts'

/** More rules than this are not run, whatever is stored. */
const MAX_RULES = 100
/** What a scope can grow to, whatever is added. */
const MAX_SCOPE_VALUES = 200

export interface AdaptedRequest {
  readonly parameters: URLSearchParams
  /** The scope as it was sent, where a rule has rewritten it. */
  readonly requestedScope: string | undefined
}

/**
 * What an application's adapter makes of a request to `/oauth/authorize`, `/oauth/par` or `/oauth/token`. The
 * rules see and change copies of the parameters that they may touch; redirect URI, credentials, codes and
 * whatever ties an answer to its request are not among them. The outcome is then judged like any request, so
 * nothing here decides what may be granted.
 */
export function adaptRequest(rules: readonly AdapterRule[], sent: URLSearchParams): AdaptedRequest {
  if (rules.length === 0) return { parameters: sent, requestedScope: undefined }
  const fixed = [...sent].filter(([name]) => !isTouchable(name))
  const before = new URLSearchParams([...sent].filter(([name]) => isTouchable(name)))
  const after = new URLSearchParams(before)
  const grant = aliasedGrant(rules, sent)
  const isRefresh = (grant ?? sent.get('grant_type')) === 'refresh_token'
  for (const rule of rules.slice(0, MAX_RULES)) {
    // RFC 6749 §6: a refresh that names no scope asks for all that was granted, and not for what is added alone.
    const isNamed = before.has('scope') || after.has('scope')
    if (isNamed || !isRefresh || !isAddingScope(rule)) applyTo(after, rule)
  }
  const untouched = fixed.map(([name, value]): [string, string] =>
    name === 'grant_type' && grant !== undefined ? [name, grant] : [name, value],
  )
  const scope = before.get('scope') ?? ''
  return {
    parameters: new URLSearchParams([...untouched, ...after]),
    requestedScope: scope !== '' && scope !== after.get('scope') ? scope : undefined,
  }
}

const isTouchable = (name: string): boolean => !UNTOUCHABLE_PARAMETERS.includes(name)

const isAddingScope = (rule: AdapterRule): boolean =>
  rule.rule === 'scope_add' || (rule.rule === 'parameter_set' && rule.name === 'scope')

function applyTo(parameters: URLSearchParams, rule: AdapterRule): void {
  switch (rule.rule) {
    case 'scope_map':
      return mapScope(parameters, (value) => (value === rule.from ? rule.to : [value]))
    case 'scope_drop':
      return mapScope(parameters, (value) => (value === rule.scope ? [] : [value]))
    case 'scope_add':
      return mapScope(parameters, (value) => [value], [rule.scope])
    case 'parameter_rename':
      return rename(parameters, rule)
    case 'parameter_set':
      if (isTouchable(rule.name)) parameters.set(rule.name, rule.value)
      return undefined
    case 'parameter_drop':
      if (isTouchable(rule.name)) parameters.delete(rule.name)
      return undefined
    case 'grant_alias':
      return undefined
  }
}

/** Each value once, so that no list of rules makes a scope grow without end. */
function mapScope(
  parameters: URLSearchParams,
  map: (value: string) => readonly string[],
  added: readonly string[] = [],
): void {
  const values = (parameters.get('scope') ?? '').split(' ').filter((value) => value !== '')
  const mapped = new Set([...values.flatMap(map), ...added])
  if (mapped.size === 0) parameters.delete('scope')
  else parameters.set('scope', [...mapped].slice(0, MAX_SCOPE_VALUES).join(' '))
}

/** The standard name wins where both are there. */
function rename(
  parameters: URLSearchParams,
  { from, to }: { readonly from: string; readonly to: string },
): void {
  if (!isTouchable(from) || !isTouchable(to) || from === to) return
  const values = parameters.getAll(from)
  if (values.length === 0 || parameters.has(to)) return
  parameters.delete(from)
  for (const value of values) parameters.append(to, value)
}

/** The grant that this application calls by another name. */
function aliasedGrant(rules: readonly AdapterRule[], sent: URLSearchParams): string | undefined {
  const asked = sent.get('grant_type')
  for (const rule of rules.slice(0, MAX_RULES)) {
    if (rule.rule === 'grant_alias' && rule.from === asked) return rule.to
  }
  return undefined
}
