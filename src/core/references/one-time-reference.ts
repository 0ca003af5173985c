import { DurableObject } from 'cloudflare:workers'
export class OneTimeReference extends DurableObject<Env> {}
