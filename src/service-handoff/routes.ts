/**
 * Service hand-off: one service passes a signed-in person on to another with a ticket that counts once. Here we are
 * the host of services (host/), with a page of their own for people (portal/), and a service of other hosts
 * (client/).
 */
import { Hono } from 'hono'
import type { RequestVariables } from '../platform/request-facts.ts'
import type { ClientParts } from './client/client-parts.ts'
import { createHandoffHosts } from './client/handoff-hosts.ts'
import { handoffClientRoutes } from './client/routes.tsx'
import type { HostParts } from './host/host-parts.ts'
import { handoffHostRoutes } from './host/routes.ts'
import { handoffPortalRoutes } from './portal/routes.tsx'

export function handoffRoutes(core: HostParts & Omit<ClientParts, 'handoffHosts'>) {
  const handoffHosts = createHandoffHosts(core.config)
  return new Hono<{ Variables: RequestVariables }>()
    .route('/', handoffHostRoutes(core))
    .route('/', handoffPortalRoutes(core))
    .route('/', handoffClientRoutes({ ...core, handoffHosts }))
}
