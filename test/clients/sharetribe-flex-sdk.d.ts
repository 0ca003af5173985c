/** What the tests use of it; the package has no types of its own. */
declare module 'sharetribe-flex-sdk' {
  interface Sdk {
    loginWithIdp(input: {
      readonly idpId: string
      readonly idpClientId: string
      readonly idpToken: string
    }): Promise<{ readonly data: { readonly access_token: string } }>
  }
  const sharetribeSdk: {
    createInstance(options: Readonly<Record<string, unknown>>): Sdk
    readonly tokenStore: { memoryStore(): unknown }
  }
  export default sharetribeSdk
}
