import type { Config } from '../../config.ts'

/** The origins, besides our own, that the gateway's `form-action` lets a sign-out lead to. */
export const signOutTargets = (config: Pick<Config, 'identityProviders'>): readonly string[] => [
  ...new Set(config.identityProviders.map(({ issuer }) => new URL(issuer).origin)),
]
