/** Whether the rules of a request adapter may be registered; what they do then is judged like any request. */
import { grantTypes } from './application.ts'
import type { OAuthClient } from './application.ts'
import { isScopeToken } from './grant-rules.ts'
import type { Report } from './oauth-report.ts'
import type { AdapterRule } from './request-adapter.ts'

/**
 * Parameters that no adapter ever reads, writes or removes: where an answer goes, who asks, what proves
 * it, and what ties an answer to its request.
 */
export const UNTOUCHABLE_PARAMETERS: readonly string[] = [
  'redirect_uri',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'code',
  'code_challenge',
  'code_challenge_method',
  'code_verifier',
  'device_code',
  'dpop_jkt',
  'grant_type',
  'id_token_hint',
  'nonce',
  'password',
  'refresh_token',
  'request',
  'request_uri',
  'state',
  'token',
  'user_code',
  'username',
]

const PARAMETER_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
const LONGEST_VALUE_CHARACTERS = 512

export function judgeAdapter(client: OAuthClient, report: Report): void {
  client.requestAdapter.forEach((rule, i) => {
    const detail = checkRule(rule, client)
    if (detail !== undefined) report('requestAdapter', `${rule.rule} ${detail}`, i)
  })
}

function checkRule(rule: AdapterRule, client: OAuthClient): string | undefined {
  switch (rule.rule) {
    case 'scope_map':
      if (!isScopeToken(rule.from)) return 'is from something that is not a scope'
      return checkTargets(rule.to, client)
    case 'scope_add':
      return checkTargets([rule.scope], client)
    case 'scope_drop':
      return isScopeToken(rule.scope) ? undefined : 'drops something that is not a scope'
    case 'parameter_rename':
      return checkParameter(rule.from) ?? checkParameter(rule.to)
    case 'parameter_drop':
      return checkParameter(rule.name)
    case 'parameter_set':
      return checkParameter(rule.name) ?? checkValue(rule, client)
    case 'grant_alias':
      return checkAlias(rule, client)
  }
}

function checkTargets(targets: readonly string[], { scope }: OAuthClient): string | undefined {
  const foreign = targets.find((target) => !scope.includes(target))
  return foreign === undefined
    ? undefined
    : `leads to ${JSON.stringify(foreign)}, which is not in the registered scope`
}

function checkParameter(name: string): string | undefined {
  if (!PARAMETER_NAME.test(name)) return 'has no usable parameter name'
  // Compared without regard to capitals: nobody is to find out which reader takes which.
  return UNTOUCHABLE_PARAMETERS.includes(name.toLowerCase()) || name === '__proto__'
    ? `may not touch ${name}`
    : undefined
}

function checkValue(
  { name, value }: { readonly name: string; readonly value: string },
  client: OAuthClient,
): string | undefined {
  if (value.length > LONGEST_VALUE_CHARACTERS || /[\p{Cc}\p{Cs}]/u.test(value)) {
    return 'has a value with control characters, or longer than 512'
  }
  if (name === 'scope') return checkTargets(value.split(' ').filter(Boolean), client)
  const isForeign = name === 'resource' && !client.resources.includes(value)
  return isForeign ? 'names a resource that is not registered' : undefined
}

function checkAlias(
  { from, to }: { readonly from: string; readonly to: string },
  client: OAuthClient,
): string | undefined {
  if (!/^[\x21-\x7e]{1,128}$/.test(from)) return 'has no usable name'
  if (grantTypes.some((known) => known === from)) return 'gives a grant the name of another'
  return client.grantTypes.some((grant) => grant === to)
    ? undefined
    : `leads to ${JSON.stringify(to)}, which is not one of grant_types`
}
