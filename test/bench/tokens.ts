/** The memory of an isolate that sees ever more different tokens, beside that of the objects of people who are awake. */
import { generateKeyPair } from 'jose'
import { findFreePorts } from '../../dev/find-free-ports.ts'
import { startBenchGateway } from './bench-gateway.ts'
import { floors, guardedApi, people, signIn } from './edge-workers.ts'
import { measureOnce } from './load.ts'
import { residentMegabytesOf } from './processes.ts'
import { table } from './section.ts'
import type { Section } from './section.ts'
import { startWorkers } from './workers.ts'

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
      const floor = await floorMegabytes()
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
          `The floor, a process with one Worker that checks nothing: ${floor.atFirst.toFixed(0)} MB at first, ${floor.afterRequests.toFixed(0)} after as many requests with as many different headers, ${floor.withObjects.toFixed(0)} with ${PEOPLE_AWAKE} objects of one row awake.`,
        ].join('\n\n'),
        figures: { rows, floor },
      }
    } finally {
      await gateway.stop()
    }
  },
}

/** The whole process of a Worker that answers as many requests, and asks as many objects for a row, and does nothing else. */
async function floorMegabytes() {
  const worker = await floors(await generateKeyPair('ES256', { extractable: true }))
  const running = await startWorkers([worker])
  try {
    const port = running.portOf(worker.name)
    const megabytes = () => residentMegabytesOf(running.processId)
    const different = (name: string, count: number, first = 0) =>
      Array.from({ length: count }, (_, n) => ({
        headers: { [name]: String(first + n).padEnd(700, '.') },
      }))
    const atFirst = megabytes()
    for (let seen = 0; seen < MILESTONES.at(-1)!; seen += AT_ONCE) {
      await measureOnce({ port, path: '/bare', each: different('authorization', AT_ONCE, seen) })
    }
    const afterRequests = megabytes()
    await measureOnce({ port, path: '/object', each: different('x-user', PEOPLE_AWAKE) })
    return { atFirst, afterRequests, withObjects: megabytes() }
  } finally {
    await running.stop()
  }
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
