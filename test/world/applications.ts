import { env } from 'cloudflare:workers'
import type { OAuthApplication } from '../../src/core/applications/application.ts'
import { createApplicationRegistry } from '../../src/core/applications/application-registry.ts'
import type { BroughtCredentials } from '../../src/core/applications/brought-credentials.ts'
import { createApplications } from '../../src/core/applications/applications.ts'
import {
  createKnownApplications,
  isSecretOf,
} from '../../src/core/applications/known-applications.ts'
import type { OAuthRegistration, Registration } from '../../src/core/applications/registration.ts'
import { createHandoffSessions } from '../../src/core/applications/handoff-sessions.ts'
import { createSubjects } from '../../src/core/applications/subject.ts'
import { createWidgetSecrets } from '../../src/core/applications/widget-secrets.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { limitQueries } from '../../src/platform/limit-queries.ts'
import { ok, refuse } from '../../src/platform/refusal.ts'
import { settings } from './settings.ts'

/** As the gateway asks it. */
const theDirectory = limitQueries(env.DIRECTORY)

/** A registered application, with its secret where it has one. */
export interface RegisteredApplication {
  readonly id: string
  readonly secret: string
  readonly application: OAuthApplication
}

export const applications = () => createApplications(theDirectory)

export const handoffSessions = () =>
  createHandoffSessions({
    directory: theDirectory,
    subjects: createSubjects([settings.HANDLE_KEY]),
  })

/** As an isolate sees applications that has heard of no cut-off. */
export const knownApplications = (directory: D1Database = theDirectory) =>
  createKnownApplications({ directory, lastCutOff: async () => undefined })

/** Whether this is a secret of the application's, by the directory. */
export async function checkSecret(
  id: string,
  secret: string,
  now: number,
): Promise<'right' | 'wrong_secret' | 'unavailable'> {
  const checked = await knownApplications().judgeAnew(
    id,
    async (known) =>
      (await isSecretOf(known, secret, now)) ? ok(undefined) : refuse('wrong_secret'),
    now,
  )
  return checked.ok ? 'right' : checked.refusal.code
}

export const widgetSecrets = () =>
  createWidgetSecrets({
    directory: theDirectory,
    keyEncryptionKey: [settings.KEY_ENCRYPTION_KEY],
  })

export const applicationRegistry = (issuer = settings.ISSUER, directory = theDirectory) =>
  createApplicationRegistry({
    directory,
    issuer,
    widgetSecrets: widgetSecrets(),
  })

/** As an operator would write it for a shop at shop.example: the code grant, and refresh tokens. */
export const shopRegistration = {
  name: 'Shop',
  oauth: {
    redirectUris: ['https://shop.example/callback'],
    grantTypes: ['authorization_code', 'refresh_token'],
    scope: ['openid', 'profile', 'email', 'offline_access'],
  },
} satisfies Registration

/**
 * Registers a shop with what differs from `shopRegistration`. Throws with all problems where the
 * registration is not taken.
 */
export async function registerApplication({
  oauth,
  now = systemClock(),
  ...rest
}: Partial<Omit<Registration, 'oauth'>> &
  BroughtCredentials & {
    readonly oauth?: OAuthRegistration
    readonly now?: number
  } = {}): Promise<RegisteredApplication> {
  const registered = await applicationRegistry().register(
    { ...shopRegistration, ...rest, oauth: { ...shopRegistration.oauth, ...oauth } },
    now,
  )
  if (!registered.ok) throw new Error(JSON.stringify(registered.problems))
  const { application, secret } = registered.value
  return {
    id: application.id,
    secret: secret?.secret ?? '',
    application: application as OAuthApplication,
  }
}
