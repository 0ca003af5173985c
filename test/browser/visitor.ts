import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject } from 'vitest'
import { launchOptions } from './chromium.ts'

const provided = inject('browserWorld')

/** Where Chromium is, and the gateway that the tests share. Throws if there is none. */
export const world = () => {
  if ('missing' in provided) throw new Error(provided.missing)
  return provided
}

/** One browser with its own cookies and storage, and what went wrong on its pages. */
export interface Visitor {
  readonly context: BrowserContext
  readonly page: Page
  /** Console errors and warnings (CSP violations are among them) and uncaught exceptions, of every page. */
  readonly problems: string[]
  /** Says that a page is expected to be answered with this status, which Chromium reports on the console. */
  readonly expectStatus: (status: number) => void
}

/** Like `describe`; each test can open visitors, whose pages must be free of problems at its end. */
export function describeInBrowser(
  name: string,
  body: (open: (options?: BrowserContextOptions) => Promise<Visitor>) => void,
): void {
  const isSkipped = 'missing' in provided && !provided.isFailure
  describe.skipIf(isSkipped)(name, () => {
    let browser: Browser | undefined
    let visitors: Visitor[] = []
    beforeAll(async () => {
      browser = await chromium.launch(launchOptions(world().chromium))
    })
    afterAll(() => browser?.close())
    beforeEach(({ onTestFailed }) => {
      onTestFailed(() => console.log(readFileSync(world().logFile, 'utf8').slice(-4000)))
    })
    afterEach(async () => {
      const problems = visitors.flatMap((visitor) => visitor.problems)
      await Promise.all(visitors.map(({ context }) => context.close()))
      visitors = []
      expect(problems).toEqual([])
    })
    body(async (options) => {
      const visitor = await watch(
        await browser!.newContext({ baseURL: world().gateway, ...options }),
      )
      visitors.push(visitor)
      return visitor
    })
  })
}

export async function watch(context: BrowserContext): Promise<Visitor> {
  const problems: string[] = []
  const expected = new Set<number>()
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return
    const status = /the server responded with a status of (\d{3})/.exec(message.text())?.[1]
    if (status !== undefined && expected.has(Number(status))) return
    problems.push(`${message.type()} at ${message.location().url}: ${message.text()}`)
  })
  context.on('weberror', (error) => problems.push(`uncaught: ${error.error().message}`))
  context.setDefaultTimeout(30_000)
  return {
    context,
    page: context.pages()[0] ?? (await context.newPage()),
    problems,
    expectStatus: (status) => void expected.add(status),
  }
}
