/** What the management API answered. */
export interface AdminAnswer {
  readonly status: number
  readonly etag: string | null
  /** Parsed where it is JSON. */
  readonly body: unknown
}

export interface AdminRequest {
  readonly method: string
  /** Under `/admin/api`, with its query. */
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks the management API with a key, which goes nowhere else: not into storage, not into a URL. */
export type AdminClient = (request: AdminRequest) => Promise<AdminAnswer>

export const createAdminClient =
  (key: string): AdminClient =>
  async ({ method, path, body, headers }) => {
    const answer = await fetch(`/admin/api${path}`, {
      method,
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      headers: {
        ...headers,
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
    })
    const text = await answer.text()
    return { status: answer.status, etag: answer.headers.get('etag'), body: parse(text) }
  }

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
