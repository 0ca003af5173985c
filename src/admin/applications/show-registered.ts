import type { Registered } from '../../core/applications/application-registry.ts'
import type { ValueOf } from '../api/schema.ts'
import { showApplication } from './application-shape.ts'
import type { registeredSchema } from './application-shape.ts'
import { showHandoff } from './handoff-shape.ts'
import { showSharedSessions } from './shared-sessions-shape.ts'
import { showWidget } from './widget-shape.ts'

/** An application, with the secrets that were just made: the only time that they are shown. */
export const showRegistered = ({
  application,
  secret,
  handoffKey,
  siteKeys,
  widgetSecret,
}: Registered): ValueOf<typeof registeredSchema> => ({
  ...showApplication(application),
  ...(application.handoff !== undefined && {
    handoff: {
      ...showHandoff(application.handoff),
      ...(handoffKey !== undefined && { apikey: handoffKey.key, apikey_id: handoffKey.id }),
    },
  }),
  ...(application.widget !== undefined && {
    widget: {
      ...showWidget(application, application.widget),
      ...(widgetSecret !== undefined && {
        secret: widgetSecret.secret,
        secret_id: widgetSecret.id,
      }),
    },
  }),
  ...(secret !== undefined && { client_secret: secret.secret, client_secret_id: secret.id }),
  ...(application.sharedSessions && {
    shared_sessions: showSharedSessions(application.sharedSessions, siteKeys),
  }),
})
