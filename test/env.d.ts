import type { D1Migration } from '@cloudflare/vitest-plugin'

declare global {
  namespace Cloudflare {
    interface Env {
      TEST_MIGRATIONS: D1Migration[]
      TEST_SERIES: string
      /** GET `/<class>`: the ids of its objects that hold anything (world/object-files.ts). */
      TEST_OBJECTS: Fetcher
    }
  }
}
