/**
 * Cloudflare's price list, as of 2026-11-22: what a million of each costs on the paid plan of Workers beyond what it
 * includes, in US dollars.
 *
 *   https://developers.cloudflare.com/workers/platform/pricing/           requests, CPU; KV, D1, Queues, Workers Logs
 *   https://developers.cloudflare.com/durable-objects/platform/pricing/   requests, duration, rows
 */
export const billed = [
  'workerRequests',
  'cpuMilliseconds',
  'kvReads',
  'kvWrites',
  'd1RowsRead',
  'd1RowsWritten',
  'objectRequests',
  'objectMilliseconds',
  'objectRowsRead',
  'objectRowsWritten',
  'queueOperations',
  'logLines',
] as const
export type Billed = (typeof billed)[number]

/** What was counted; `d1Queries` cost nothing but time. */
export type Operations = Readonly<Partial<Record<Billed | 'd1Queries', number>>>

/** $12.50 for a million GB-seconds, at 128 MB. */
const OBJECT_MILLISECONDS = (12.5 * 0.128) / 1000

export const dollarsPerMillion: Readonly<Record<Billed, number>> = {
  workerRequests: 0.3,
  cpuMilliseconds: 0.02,
  kvReads: 0.5,
  // Deletes and lists cost the same.
  kvWrites: 5,
  d1RowsRead: 0.001,
  d1RowsWritten: 1,
  objectRequests: 0.15,
  objectMilliseconds: OBJECT_MILLISECONDS,
  objectRowsRead: 0.001,
  objectRowsWritten: 1,
  queueOperations: 0.4,
  // As Workers Logs keeps them; every request leaves one more, of Cloudflare's own, which is counted for nobody.
  logLines: 0.6,
}

/** What a million of these cost. */
export const priceOf = (operations: Operations): number =>
  billed.reduce((sum, kind) => sum + (operations[kind] ?? 0) * dollarsPerMillion[kind], 0)
