import { DurableObject } from 'cloudflare:workers'
export class ProviderMetadata extends DurableObject<Env> {}
