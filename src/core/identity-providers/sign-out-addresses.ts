import type { Config } from '../../config.ts'

/** Where a sign-out may lead besides to ourselves: to a provider. */
export const signOutAddresses = ({
  identityProviders,
}: Pick<Config, 'identityProviders'>): readonly string[] =>
  identityProviders.map(({ issuer }) => issuer)
