import { inject } from 'vitest'

export interface Registered {
  readonly client_id: string
  readonly client_secret: string
}

/** Registers an application through the management API, as an operator would. */
export async function register(
  oauth: Readonly<Record<string, unknown>>,
  { name = 'Marketplace', isFirstParty = true } = {},
): Promise<Registered> {
  const { gateway, adminKey } = inject('clientsWorld')
  const answer = await fetch(`${gateway}/admin/api/applications`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name, first_party: isFirstParty, oauth }),
  })
  const body = await answer.text()
  if (answer.status !== 201) throw new Error(`not registered: ${answer.status} ${body}`)
  return JSON.parse(body) as Registered
}
