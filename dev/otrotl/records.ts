import type { Adapter, AdapterPayload } from 'oidc-provider'
import { keptFile } from './kept-file.ts'

interface StoredRecord {
  readonly payload: AdapterPayload
  /** Epoch seconds. */
  readonly expiresAt: number
}

/**
 * Where the provider keeps its sessions, grants and codes: in memory, and in one small file so that a
 * second start knows who is signed in (that is meant for a handful of people); without a path, in memory alone.
 */
export function createRecords(path: string | undefined): (model: string) => Adapter {
  const file = path === undefined ? undefined : keptFile<Record<string, StoredRecord>>(path)
  const records = new Map(Object.entries(file?.read() ?? {}))
  const now = () => Math.floor(Date.now() / 1000)
  const save = () => {
    if (file === undefined) return
    for (const [key, { expiresAt }] of records) if (expiresAt <= now()) records.delete(key)
    file.write(Object.fromEntries(records))
  }
  const live = (key: string) => {
    const record = records.get(key)
    return record !== undefined && record.expiresAt > now() ? record.payload : undefined
  }

  return (model) => {
    const keyOf = (id: string) => `${model}:${id}`
    const findBy = (field: 'uid' | 'userCode', value: string) => {
      for (const [key, { payload }] of records) {
        if (key.startsWith(`${model}:`) && payload[field] === value) return live(key)
      }
      return undefined
    }
    return {
      async upsert(id, payload, expiresInSeconds) {
        const expiresAt = now() + (expiresInSeconds ?? 365 * 86_400)
        records.set(keyOf(id), { payload, expiresAt })
        save()
      },
      find: async (id) => live(keyOf(id)),
      findByUid: async (uid) => findBy('uid', uid),
      findByUserCode: async (userCode) => findBy('userCode', userCode),
      async consume(id) {
        const record = records.get(keyOf(id))
        if (record === undefined) return
        records.set(keyOf(id), { ...record, payload: { ...record.payload, consumed: now() } })
        save()
      },
      async destroy(id) {
        records.delete(keyOf(id))
        save()
      },
      async revokeByGrantId(grantId) {
        for (const [key, { payload }] of records) {
          if (payload.grantId === grantId) records.delete(key)
        }
        save()
      },
    }
  }
}
