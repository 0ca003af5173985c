/** The part of a sign-in that the person sees. The provider's cookie ties it to their browser. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import { errorPage, signInPage } from './pages.ts'
import type { Person } from './people.ts'

const path = /^\/interaction\/[\w-]+(\/cancel)?$/

export const isInteraction = (request: IncomingMessage): boolean => path.test(request.url ?? '')

interface InteractionParts {
  readonly provider: Provider
  readonly findPerson: (subject: string) => Person | undefined
  readonly log: (line: string) => void
}

/** Shows who can sign in, and tells the provider who did. Never rejects. */
export async function answerInteraction(
  parts: InteractionParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await interact(parts, request, response)
  } catch (error) {
    parts.log(`interaction failed: ${String(error)}`)
    if (response.headersSent) response.destroy()
    else
      send(
        response,
        400,
        errorPage({ error: 'This sign-in has ended. Start again from the application.' }),
      )
  }
}

async function interact(
  { provider, findPerson }: InteractionParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { uid, prompt, params, session } = await provider.interactionDetails(request, response)
  const finish = (result: Parameters<Provider['interactionFinished']>[2]) =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })

  const isCancelled = path.exec(request.url ?? '')?.[1] !== undefined
  if (isCancelled && request.method === 'POST') {
    return finish({ error: 'access_denied', error_description: 'The person cancelled.' })
  }
  // Only `prompt=consent` leads here: consent is given already, so it is simply given again.
  if (prompt.name === 'consent' && session !== undefined) return finish({ consent: {} })
  if (request.method === 'POST') {
    const person = findPerson((await readForm(request)).get('person') ?? '')
    if (person !== undefined) return finish({ login: { accountId: person.subject } })
  }
  const action = `/interaction/${uid}`
  const page = signInPage({
    action,
    cancelAction: `${action}/cancel`,
    applicationName: (await provider.Client.find(String(params['client_id'])))?.clientName ?? '?',
    hint: typeof params['login_hint'] === 'string' ? params['login_hint'] : undefined,
  })
  send(response, 200, page)
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let body = ''
  for await (const chunk of request) {
    body += String(chunk)
    if (body.length > 10_000) throw new Error('the form is too large')
  }
  return new URLSearchParams(body)
}

function send(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
  })
  response.end(html)
}
