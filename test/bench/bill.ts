/**
 * What Cloudflare would bill for: every operation is done by the built Worker with a counter around it, and what
 * was counted is multiplied by the price list.
 */
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startBenchGateway } from './bench-gateway.ts'
import { findBenchPerson } from './bench-people.ts'
import { countedWorker } from './bill/counted-worker.ts'
import { priceGateway, priceLoginPeer, priceProvider } from './bill/operations.ts'
import type { Priced } from './bill/operations.ts'
import { dollarsPerMillion, priceOf } from './bill/prices.ts'
import type { Operations } from './bill/prices.ts'
import { ours, workersProvider } from './peers/code-providers.ts'
import { betterAuth, oidcAuth, prepareTables } from './peers/login-peers.ts'
import { table } from './section.ts'
import type { Section } from './section.ts'

const text = `Each operation done for eight people by a warm isolate, and divided by eight: the rows from D1's and SQLite's own counts,
the rest from the bindings. A login is three requests (start, answer taken, dashboard); its provider runs elsewhere. Dollars for a million of each,
by Cloudflare's list of 2026-11-22, beyond what the paid plan includes. CPU is that of workerd here, with its stand-ins for KV, D1 and objects in it: more
than the platform would bill, for all alike, and two cents a second. Log lines are what the Worker writes (Workers Logs, if it keeps them all).
Logins at better-auth and @hono/oidc-auth keep no audit trail and hear of no logout; @cloudflare/workers-oauth-provider has no sessions of its own.`

const columns = [
  '',
  'operation',
  'requests',
  'CPU ms',
  'KV read / written',
  'D1 round trips',
  'D1 rows read / written',
  'object requests',
  'object rows read / written',
  'log lines',
  '$ per million',
  'of it without logs',
]

export const bill: Section = {
  name: 'bill',
  title: 'The bill',
  async run() {
    const [port] = await findFreePorts()
    const upstream = `http://127.0.0.1:${port}`
    const peers = [
      await betterAuth('d1', upstream),
      await betterAuth('kv', upstream),
      await oidcAuth(upstream),
    ]
    const workers = await workersProvider()
    const gateway = await startBenchGateway({
      beside: [...peers.map(({ worker }) => worker), workers.worker],
      upstream: {
        port,
        otherClients: peers.map(({ client }) => client),
        findPerson: findBenchPerson,
      },
      around: countedWorker,
    })
    try {
      await prepareTables(peers)
      const rows: Priced[] = []
      const note = (who: string, operation: string, operations: Operations) =>
        void rows.push({ who, operation, operations })
      await priceGateway(gateway, note)
      await priceProvider(await ours(gateway, 'openid profile email'), gateway.port, note)
      for (const peer of peers) await priceLoginPeer(peer, gateway.processId, note)
      const provider = await workers.prepare(gateway.processId)
      await priceProvider(provider, gateway.portOf(workers.worker.name), note)
      return findings(rows)
    } finally {
      await gateway.stop()
    }
  },
}

const number = (value = 0): string => {
  const rounded = value.toFixed(value < 10 ? 2 : 1)
  return rounded.includes('.') ? rounded.replace(/\.?0+$/, '') : rounded
}

function findings(rows: readonly Priced[]) {
  const lines = rows.map(({ who, operation, operations }) => {
    const dollars = priceOf(operations)
    const { logLines: _, ...silent } = operations
    return [
      who,
      operation,
      number(operations.workerRequests),
      number(operations.cpuMilliseconds),
      `${number(operations.kvReads)} / ${number(operations.kvWrites)}`,
      number(operations.d1Queries),
      `${number(operations.d1RowsRead)} / ${number(operations.d1RowsWritten)}`,
      number(operations.objectRequests),
      `${number(operations.objectRowsRead)} / ${number(operations.objectRowsWritten)}`,
      number(operations.logLines),
      dollars.toFixed(2),
      priceOf(silent).toFixed(2),
    ]
  })
  const priced = rows.map((row) => ({ ...row, dollarsPerMillion: priceOf(row.operations) }))
  return {
    text: `${text}\n\n${table(columns, lines)}`,
    figures: { dollarsPerMillion, rows: priced },
  }
}
