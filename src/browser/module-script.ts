/** Entry of `/auth/drawbridge.mjs`, for `import { drawbridge } from`. */
import { browserPage } from './browser-page.ts'
import { loadDpopKeys } from './dpop-keys.ts'
import { createDrawbridge } from './drawbridge.ts'

export { DrawbridgeUnavailable } from './drawbridge-api.ts'
export type { Drawbridge, DrawbridgeChange, DrawbridgeOptions } from './drawbridge-api.ts'
export type { DrawbridgeUser } from './token-store.ts'

export const drawbridge = createDrawbridge({
  page: browserPage(),
  gateway: new URL(import.meta.url).origin,
  loadDpopKeys,
})
