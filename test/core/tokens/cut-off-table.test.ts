import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { CutOffTable } from '../../../src/core/tokens/cut-off-table.ts'
import { keyRing } from '../../world/signed-by-us.ts'

describe('a table of cut-offs from before applications could be cut off', () => {
  it('keeps what it holds, and takes applications from now on', async () => {
    await runInDurableObject(await keyRing(), (_ring, { storage: { sql } }) => {
      sql.exec(`
        DROP TABLE IF EXISTS published_cut_offs;
        CREATE TABLE published_cut_offs (
          scope TEXT NOT NULL CHECK (scope IN ('everyone', 'provider', 'user')),
          id TEXT NOT NULL,
          at INTEGER NOT NULL,
          cause TEXT NOT NULL,
          PRIMARY KEY (scope, id)
        ) STRICT;
        INSERT INTO published_cut_offs VALUES ('provider', 'otrotl', 5, 'operator');`)
      const kept = { scope: 'provider' as const, id: 'otrotl', at: 5, cause: 'operator' as const }
      expect(new CutOffTable(sql).all()).toEqual([kept])
      const cause = 'application_removed' as const
      const added = { scope: 'application' as const, id: 'shop', at: 6, cause }
      expect(new CutOffTable(sql).add(added)).toEqual(added)
      // A second look finds nothing more to change.
      expect(new CutOffTable(sql).all()).toEqual([kept, added])
    })
  })
})
