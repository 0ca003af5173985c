/** Before the tests with clients of others: one gateway, with its OTROTL, as `npm run dev` starts them. */
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { prepareSecrets } from '../../dev/secrets.ts'
import { startWorld } from '../browser/world.ts'

export interface ClientsWorld {
  /** The ISSUER. */
  readonly gateway: string
  readonly adminKey: string
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly clientsWorld: ClientsWorld
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const world = await startWorld()
  const { ADMIN_API_KEY } = prepareSecrets(join(world.stateDirectory, '.dev.vars'))
  project.provide('clientsWorld', { gateway: world.gateway, adminKey: ADMIN_API_KEY })
  return () => world.remove()
}
