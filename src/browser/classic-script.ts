/** Entry of `/auth/drawbridge.js`, for `<script src>`: sets `window.drawbridge`, once. */
import { browserPage } from './browser-page.ts'
import { loadDpopKeys } from './dpop-keys.ts'
import { createDrawbridge } from './drawbridge.ts'
import type { Drawbridge } from './drawbridge-api.ts'
import { setOnce } from './set-once.ts'

declare global {
  interface Window {
    drawbridge: Drawbridge
  }
}

const source = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : ''

setOnce('drawbridge', () =>
  createDrawbridge({
    page: browserPage(),
    gateway: new URL(source, location.href).origin,
    loadDpopKeys,
  }),
)
