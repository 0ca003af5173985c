/**
 * A page with a widget: comments under a video. The page embeds it as it would Annoto's, by
 * `/widgets/bootstrap.js`; the widget's own server, which is this one too, asks the gateway who somebody is by the
 * token that comes with a comment. It keeps the comments in memory.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { registerSample } from '../register-sample.ts'
import { listen, show } from '../sample-server.ts'
import { videoPage } from './page.ts'

export interface VideoComments {
  /** Another origin than the gateway's, and the same site: the session cookie goes along, and CORS decides. */
  readonly origin: string
  /** The gateway is there: registers, and begins to show the page. */
  register(): Promise<void>
  stop(): Promise<void>
}

interface Comment {
  readonly id: number
  readonly author: { readonly id: string; readonly name: string; readonly scope: string }
  readonly text: string
}

const LONGEST_COMMENT_CHARACTERS = 500
const MOST_COMMENTS = 100

/** Listens on 127.0.0.1; with `port` 0, on any free port. Rejects with the listener's error. */
export async function startVideoComments(options: {
  readonly port: number
  /** The gateway's ISSUER, for the page. */
  readonly issuer: string
  /** The same for programs. */
  readonly gatewayBackChannelOrigin: string
  readonly adminKey: string
  readonly stateDirectory: string
  readonly log: (line: string) => void
}): Promise<VideoComments> {
  const { issuer, gatewayBackChannelOrigin: gateway } = options
  let comments: readonly Comment[] = []
  let serial = 0
  let clientId: string | undefined
  const server = await listen({
    port: options.port,
    answer,
    sayFailed: (response) => send(response, 502, { error: 'unavailable' }),
    log: options.log,
  })
  const origin = `http://localhost:${server.port}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (clientId === undefined) return send(response, 503, { error: 'not_ready' })
    const { pathname } = new URL(request.url ?? '/', origin)
    switch (`${request.method} ${pathname}`) {
      case 'GET /':
        return show(response, 200, videoPage({ gateway: issuer, clientId }))
      case 'GET /comments':
        return send(response, 200, { comments })
      case 'POST /comments':
        return comment(clientId, await bodyOf(request), response)
      case 'POST /comments/remove':
        return remove(clientId, await bodyOf(request), response)
      default:
        return send(response, 404, { error: 'not_found' })
    }
  }

  /** Who somebody is by a widget token: what the gateway says, and nothing that the page says. */
  async function authorOf(id: string, token: unknown): Promise<Comment['author'] | undefined> {
    const answered = await fetch(`${gateway}/widgets/${id}/auth`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    })
    const { user } = (await answered.json()) as { user?: Comment['author'] }
    return user && { id: user.id, name: user.name, scope: user.scope }
  }

  async function comment(
    widget: string,
    { token, text: said }: Record<string, unknown>,
    response: ServerResponse,
  ): Promise<void> {
    const author = await authorOf(widget, token)
    if (author === undefined) return send(response, 401, { error: 'sign_in_first' })
    if (typeof said !== 'string' || said.trim() === '')
      return send(response, 400, { error: 'empty' })
    serial += 1
    const added = { id: serial, author, text: said.slice(0, LONGEST_COMMENT_CHARACTERS) }
    comments = [...comments, added].slice(-MOST_COMMENTS)
    return send(response, 200, { comments })
  }

  /** One's own; a moderator's scope is for those of others too. */
  async function remove(
    widget: string,
    { token, id }: Record<string, unknown>,
    response: ServerResponse,
  ): Promise<void> {
    const author = await authorOf(widget, token)
    if (author === undefined) return send(response, 401, { error: 'sign_in_first' })
    const mayRemove = (one: Comment) => author.scope !== 'user' || one.author.id === author.id
    comments = comments.filter((one) => one.id !== id || !mayRemove(one))
    return send(response, 200, { comments })
  }

  return {
    origin,
    async register() {
      const { adminKey, stateDirectory } = options
      // It never needs its secret: it asks the gateway who somebody is.
      const registered = await registerSample({ gateway, adminKey, stateDirectory }, origin, {
        name: 'Video comments',
        first_party: true,
        widget: { allowed_origins: [origin], roles: { editor: 'moderator', admin: 'super-mod' } },
      })
      clientId = registered.client_id
    },
    stop: () => server.stop(),
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await text(request)) as Record<string, unknown>
  } catch {
    return {}
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  response.writeHead(status, headers).end(JSON.stringify(body))
}
