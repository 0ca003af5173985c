import { DurableObject } from 'cloudflare:workers'
export class UserSessions extends DurableObject {}
export class KeyRing extends DurableObject {}
export class ProviderMetadata extends DurableObject {}
export class OneTimeReference extends DurableObject {}
export default { fetch: () => new Response('x') }
