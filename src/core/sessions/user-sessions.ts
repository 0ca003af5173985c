import { DurableObject } from 'cloudflare:workers'
export class UserSessions extends DurableObject<Env> {}
