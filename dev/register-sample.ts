import { join } from 'node:path'
import { keptFile } from './otrotl/kept-file.ts'

/** What the gateway answers to a registration, as far as the samples look at it. */
export interface Registered {
  readonly client_id: string
  readonly client_secret?: string
  readonly handoff?: { readonly apikey: string }
  readonly shared_sessions?: { readonly public_key: string; readonly private_key: string }
}

export interface SampleOptions {
  /** The gateway, for requests of programs. */
  readonly gateway: string
  readonly adminKey: string
  readonly stateDirectory: string
}

interface Kept {
  readonly origin: string
  readonly registered: Registered
}

/**
 * Registers a sample at the gateway through the management API, as an operator would, unless an earlier start has
 * done so for this origin (another port needs another registration) and the gateway still knows it.
 */
export async function registerSample(
  { gateway, adminKey, stateDirectory }: SampleOptions,
  origin: string,
  registration: { readonly name: string } & Readonly<Record<string, unknown>>,
): Promise<Registered> {
  const { name } = registration
  const file = keptFile<Kept>(
    join(stateDirectory, `registered-${name.toLowerCase().replaceAll(' ', '-')}.json`),
  )
  const address = `${gateway}/admin/api/applications`
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }
  const kept = file.read()
  if (kept?.origin === origin) {
    const known = await fetch(`${address}/${kept.registered.client_id}`, { headers })
    if (known.ok) return kept.registered
  }
  const body = JSON.stringify(registration)
  const answer = await fetch(address, { method: 'POST', headers, body })
  if (answer.status !== 201) {
    throw new Error(`“${name}” was not registered: ${answer.status} ${await answer.text()}`)
  }
  const registered = (await answer.json()) as Registered
  file.write({ origin, registered })
  return registered
}
