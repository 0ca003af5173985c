/**
 * Entry of `/widgets/bootstrap.js`: sets `window.Annoto`, once. The attribute `data-application` names the
 * application where the widget's client id is another.
 */
import type { WidgetHost } from './annoto-api.ts'
import { createAnnoto } from './annoto.ts'
import { browserPage } from './browser-page.ts'
import { setOnce } from './set-once.ts'

declare global {
  interface Window {
    Annoto: WidgetHost
  }
}

const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript : null

setOnce('Annoto', () =>
  createAnnoto({
    page: browserPage(),
    gateway: new URL(script?.src ?? '', location.href).origin,
    application: script?.dataset['application'],
  }),
)
