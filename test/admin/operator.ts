import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { gatewayFor } from '../../src/gateway.ts'
import { settings } from '../world/settings.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

/** An operator with a key, at a gateway of its own in which nothing lingers; `bindings` stand in for what is down. */
export function createOperator(bindings: Partial<Env> | Record<string, unknown> = {}) {
  const there = { ...env, ...bindings }
  const gateway = gatewayFor(there)
  const send = async (method: string, path: string, init: RequestInit = {}): Promise<Answer> => {
    const context = createExecutionContext()
    const request = new Request(`${settings.ISSUER}${path}`, { ...init, method })
    const response = await gateway.fetch(request, there, context)
    const text = await response.text()
    await waitOnExecutionContext(context)
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
    return { status: response.status, headers: response.headers, body }
  }
  const authorized = { Authorization: `Bearer ${settings.ADMIN_API_KEY}` }
  return {
    gateway,
    env: there,
    send,
    /** With the key; `body` goes as JSON. */
    ask: (method: string, path: string, body?: unknown) =>
      send(method, `/admin/api${path}`, {
        headers: {
          ...authorized,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  }
}

/** A namespace of objects of which none answers. */
export function unreachable<Namespace extends object>(): Namespace {
  // Not a thenable: a stub may be awaited before it is asked.
  const silent = new Proxy(
    {},
    { get: (_, name) => (name === 'then' ? undefined : () => Promise.reject(new Error('away'))) },
  )
  return { getByName: () => silent, get: () => silent, idFromName: () => ({}) } as never
}
