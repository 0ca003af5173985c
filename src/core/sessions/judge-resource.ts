import type { AskedContent } from './grant.ts'

/**
 * What stands against tokens for an API. RFC 8707 §2.2: a request may repeat the one that was granted, never name
 * another; nor the first that is named at all, where a person has to have agreed to it. And the one that was granted
 * may have been taken out of the registration since.
 */
export function judgeResource(
  granted: string | undefined,
  {
    resource = granted,
    resources,
    mayNameResource,
  }: Pick<AskedContent, 'resource' | 'resources' | 'mayNameResource'>,
): 'not_granted' | 'not_registered' | undefined {
  const isOther = resource !== granted
  if (isOther && (granted !== undefined || !mayNameResource)) return 'not_granted'
  return resource === undefined || resources.includes(resource) ? undefined : 'not_registered'
}
