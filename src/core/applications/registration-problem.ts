/** One thing that keeps a registration from being taken. */
export interface RegistrationProblem {
  /** JSON Pointer (RFC 6901) into what the operator sent, in the names of RFC 7591: `/oauth/redirect_uris/0`. */
  readonly pointer: string
  /** What is wrong with what stands there, for people. */
  readonly detail: string
}
