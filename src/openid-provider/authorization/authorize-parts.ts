import type { Config } from '../../config.ts'
import type { KnownApplications } from '../../core/applications/known-applications.ts'
import type { Subjects } from '../../core/applications/subject.ts'
import type { AskedSignIns } from '../../core/identity-providers/asked-sign-in.ts'
import type { IdentityProviders } from '../../core/identity-providers/identity-provider.ts'
import type { Consents, Grants } from '../../core/sessions/grant.ts'
import type { Sessions } from '../../core/sessions/sessions.ts'
import type { ApplicationTokens } from '../../core/tokens/application-token.ts'
import type { SignedClaims } from '../../core/tokens/signed-claims.ts'
import type { EpochSeconds } from '../../platform/clock.ts'
import type { ConsentProofs } from '../consent/consent-proof.ts'
import type { PendingRequests } from './pending-requests.ts'

/** What the steps of an authorization work with. */
export interface AuthorizeParts {
  readonly config: Config
  readonly knownApplications: KnownApplications
  readonly subjects: Subjects
  readonly sessions: Pick<Sessions, 'use' | 'peek'>
  readonly grants: Pick<Grants, 'mint' | 'mintBehind' | 'participate'>
  readonly consents: Pick<Consents, 'read' | 'give'>
  readonly applicationTokens: Pick<ApplicationTokens, 'issue'>
  readonly signedClaims: SignedClaims
  readonly identityProviders: Pick<IdentityProviders, 'all'>
  readonly pendingRequests: PendingRequests
  readonly askedSignIns: AskedSignIns
  readonly consentProofs: ConsentProofs
}

/** A browser at the door. */
export interface Visit {
  readonly parameters: URLSearchParams
  readonly cookieHeader: string | undefined
  readonly now: EpochSeconds
  readonly milliseconds: number
}
