import { parseJsonObject } from '../../platform/json-object.ts'
import { createOutboundFetch } from '../../platform/outbound-fetch.ts'
import type { OutboundRefusal } from '../../platform/outbound-fetch.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import { formatDiscoveryDocument, parseDiscoveryDocument } from './discovery-document.ts'
import type { ProviderAddress } from './discovery-document.ts'
import type { DocumentKind } from './document-copy.ts'
import { formatKeySet, parseKeySet } from './key-set.ts'

export type FetchRefusal = OutboundRefusal | 'wrong_status' | 'not_json' | 'document_invalid'

/**
 * Fetches a document of a provider and judges it.
 * @returns its JSON text, with nothing in it but what we use; or why it is no good.
 */
export async function fetchDocument(
  kind: DocumentKind,
  provider: ProviderAddress,
  url: string,
): Promise<Result<string, FetchRefusal>> {
  const outboundFetch = createOutboundFetch({ ownOrigin: provider.ownOrigin })
  const answer = await outboundFetch(url, { headers: { accept: 'application/json' } }, provider)
  if (!answer.ok) return answer
  const { status, bytes } = answer.value
  if (status !== 200) return refuse('wrong_status', { status })
  const document = parseJsonObject(bytes)
  if (document === undefined) return refuse('not_json')
  if (kind === 'keys') {
    const keys = await parseKeySet(document)
    if (keys === undefined) return refuse('document_invalid', { check: 'keys' })
    return ok(JSON.stringify(formatKeySet(keys)))
  }
  const discovery = parseDiscoveryDocument(document, provider)
  return discovery.ok ? ok(JSON.stringify(formatDiscoveryDocument(discovery.value))) : discovery
}
