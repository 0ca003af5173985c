/**
 * Request adapters: per application, an ordered list of declarative rewrites that run before the standard
 * checks, for clients that cannot be changed. What comes out is judged like any other request, so that an
 * adapter never widens what the application is registered for; `redirect_uri`, `client_id` and secrets are
 * not for rewriting.
 */
export type AdapterRule =
  /** Replaces a scope value by others; dropped when `to` is empty. */
  | { readonly rule: 'scope_map'; readonly from: string; readonly to: readonly string[] }
  | { readonly rule: 'scope_drop'; readonly scope: string }
  | { readonly rule: 'scope_add'; readonly scope: string }
  | { readonly rule: 'parameter_rename'; readonly from: string; readonly to: string }
  | { readonly rule: 'parameter_set'; readonly name: string; readonly value: string }
  | { readonly rule: 'parameter_drop'; readonly name: string }
  /** Another name for a grant, at the token endpoint. */
  | { readonly rule: 'grant_alias'; readonly from: string; readonly to: string }
