/** The secrets of one sign-in attempt that the provider's answer must fit. */
export interface AttemptSecrets {
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}
