/** The memory of an isolate that sees ever more different tokens, beside that of the objects of people who are awake. */
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startBenchGateway } from './bench-gateway.ts'
import { guardedApi, people, signIn } from './edge-workers.ts'
import { measureOnce } from './load.ts'
import { residentMegabytesOf } from './processes.ts'
import { table } from './section.ts'
import type { Section } from './section.ts'

const PEOPLE_AWAKE = 500
/** So many tokens have been seen when the memory is looked at. */
const MILESTONES = [5_000, 20_000, 40_000, 60_000]
/** Signed and sent before the next ones are: the load process holds no more. */
const AT_ONCE = 5_000

interface Row {
  readonly what: string
  readonly heapMegabytes: number
  readonly megabytes: number
}

export const tokens: Section = {
  name: 'tokens',
  title: 'Memory',
  async run() {
    const [inspectorPort] = await findFreePorts()
    const gateway = await startBenchGateway({
      beside: [await guardedApi(), await people()],
      inspectorPort,
    })
    try {
      const rows: Row[] = []
      const note = async (what: string) =>
        rows.push({
          what,
          heapMegabytes: await heapMegabytesOf('guarded-api', inspectorPort),
          megabytes: residentMegabytesOf(gateway.processId),
        })
      await note('the gateway, an API behind the guard, and who signs people in')
      let seen = 0
      while (seen < MILESTONES.at(-1)!) {
        const fresh = await signIn(gateway.portOf('people'), 'tokens', AT_ONCE)
        await measureOnce({
          port: gateway.portOf('guarded-api'),
          path: '/cached',
          each: fresh.map((token) => ({ headers: { authorization: `Bearer ${token}` } })),
        })
        seen += fresh.length
        if (MILESTONES.includes(seen))
          await note(`${seen.toLocaleString('en')} different tokens checked`)
      }
      await signIn(gateway.portOf('people'), 'sessions', PEOPLE_AWAKE)
      await note(`and the objects of ${PEOPLE_AWAKE} people, just opened and awake`)
      return {
        text: [
          'The heap is what the guard’s isolate uses, garbage included that no collection has found: it remembers 16,384 tokens at most. The rest of the process are the gateway, who signs the tokens, and what the runtime has not given back: with memory to spare it collects seldom.',
          table(
            ['after', 'heap of the API’s isolate, MB', 'whole process, MB'],
            rows.map(({ what, heapMegabytes, megabytes }) => [
              what,
              heapMegabytes.toFixed(1),
              megabytes.toFixed(0),
            ]),
          ),
        ].join('\n\n'),
        figures: { rows },
      }
    } finally {
      await gateway.stop()
    }
  },
}

/** What a Worker's isolate uses of its heap, by the inspector (Chrome DevTools Protocol). */
async function heapMegabytesOf(worker: string, inspectorPort: number): Promise<number> {
  const listed = await fetch(`http://127.0.0.1:${inspectorPort}/json`)
  const targets = (await listed.json()) as { webSocketDebuggerUrl: string }[]
  const target = targets.find(({ webSocketDebuggerUrl: url }) => url.endsWith(worker))
  if (target === undefined) throw new Error(`no inspector for ${worker}`)
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  const ask = async (id: number, method: string) =>
    new Promise<{ readonly usedSize?: number }>((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        const answer = JSON.parse(String(data)) as { id: number; result: { usedSize?: number } }
        if (answer.id === id) resolve(answer.result)
      })
      socket.send(JSON.stringify({ id, method }))
    })
  try {
    await ask(1, 'Runtime.enable')
    const { usedSize = NaN } = await ask(2, 'Runtime.getHeapUsage')
    return usedSize / 1_000_000
  } finally {
    socket.close()
  }
}
