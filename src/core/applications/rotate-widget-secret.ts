import type { EpochSeconds } from '../../platform/clock.ts'
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { ApplicationRegistry, ProblemsOr, ShownSecret } from './application-registry.ts'
import { unlessGone } from './unless-gone.ts'
import { checkWidgetSecret } from './widget-rules.ts'
import type { KeptWidgetSecrets } from './widget-secrets.ts'

/**
 * Widget tokens are signed with a new secret from now on, or with the one that is brought along; the one before
 * it is accepted for `overlapSeconds` more, and any before that no longer. Throws where the directory does not
 * answer.
 */
export type RotateWidgetSecret = (
  input: {
    readonly id: string
    readonly overlapSeconds: number
    readonly secret?: string | undefined
  },
  now: EpochSeconds,
) => Promise<ProblemsOr<Result<ShownSecret, 'unknown_application' | 'no_secret_used'>>>

export const createRotateWidgetSecret =
  ({
    applications,
    widgetSecrets,
  }: {
    readonly applications: Pick<ApplicationRegistry, 'find'>
    readonly widgetSecrets: Pick<KeptWidgetSecrets, 'make' | 'rotate'>
  }): RotateWidgetSecret =>
  async ({ id, overlapSeconds, secret: brought }, now) => {
    const detail = brought === undefined ? undefined : checkWidgetSecret(brought)
    if (detail !== undefined) return { ok: false, problems: [{ pointer: '/secret', detail }] }
    const application = await applications.find(id)
    if (application === undefined) return ok(refuse('unknown_application'))
    if (application.widget === undefined) return ok(refuse('no_secret_used'))
    const secret = widgetSecrets.make(brought)
    const rotated = await unlessGone(async () => {
      await widgetSecrets.rotate(id, secret, { overlapSeconds, now })
      return ok(secret)
    })
    return ok(rotated)
  }
