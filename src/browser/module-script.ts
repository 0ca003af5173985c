/** Entry of `/auth/drawbridge.mjs`, for `import { drawbridge } from`. */
import { browserPage } from './browser-page.ts'
import { loadDpopKeys } from './dpop-keys.ts'
import { createDrawbridge } from './drawbridge.ts'

export { DrawbridgeUnavailable } from './drawbridge.ts'
export type {
  Drawbridge,
  DrawbridgeChange,
  DrawbridgeOptions,
  DrawbridgeUser,
} from './drawbridge.ts'

export const drawbridge = createDrawbridge({
  page: browserPage(),
  gateway: new URL(import.meta.url).origin,
  loadDpopKeys,
})
