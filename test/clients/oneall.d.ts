/** The published client has no types of its own: what is used of it here. */
declare module 'oneall' {
  interface Reply {
    readonly data?: unknown
    readonly status?: { readonly code: number; readonly flag: string; readonly info: string }
    readonly resStatus?: { readonly code: number }
  }
  type Callback = (error: Error | null, reply: Reply) => void
  type Method = (...given: readonly unknown[]) => void
  type Resource = Readonly<Record<string, Method>>

  class Oneall {
    constructor(settings: { endpoint: string; publickey: string; privatekey: string })
    readonly connection: Resource
    readonly identity: Resource
    readonly provider: Resource
    readonly sso: Resource
    readonly user: Resource
    readonly sharingMessage: Resource
    readonly shorturl: Resource
    readonly analytics: Resource
    readonly discussion: Resource
  }
  export default Oneall
}
