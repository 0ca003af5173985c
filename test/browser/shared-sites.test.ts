/** Two sites on hosts of their own, in a Chromium that keeps no cookies of one site on the pages of another. */
import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { launchOptions } from './chromium.ts'
import { ada, signIn } from './journeys.ts'
import { watch, world } from './visitor.ts'
import type { Visitor } from './visitor.ts'

const provided = inject('browserWorld')
const isSkipped = 'missing' in provided && !provided.isFailure

const originOf = (name: 'shop' | 'blog'): string => {
  const printed = readFileSync(world().logFile, 'utf8')
  const found = new RegExp(`http://${name}\\.localhost:\\d+`).exec(printed)?.[0]
  if (found === undefined) throw new Error(`no ${name} in what was printed:\n${printed}`)
  return found
}

describe.skipIf(isSkipped)('two sites that share one sign-in', () => {
  let browser: Browser
  beforeAll(async () => {
    const options = launchOptions(world().chromium)
    const args = [...options.args, '--test-third-party-cookie-phaseout']
    browser = await chromium.launch({ ...options, args })
  })
  afterAll(() => browser?.close())

  async function open(): Promise<Visitor & { readonly journeys: string[] }> {
    const visitor = await watch(await browser.newContext({ baseURL: world().gateway }))
    const journeys: string[] = []
    visitor.page.on('request', (request) => {
      const { pathname } = new URL(request.url())
      if (request.isNavigationRequest() && pathname.includes('/socialize/')) journeys.push(pathname)
    })
    return { ...visitor, journeys }
  }

  const seeName = (page: Page, name: string) => page.locator('#name', { hasText: name }).waitFor()

  async function seeNobody(page: Page): Promise<void> {
    await page.locator('#nobody').waitFor()
    await page.waitForLoadState('networkidle')
    await page.locator('#nobody').waitFor()
  }

  async function signInAtShop(page: Page, name: string): Promise<void> {
    await page.goto(originOf('shop'))
    await seeNobody(page)
    await page.fill('[name=name]', name)
    await page.click('#sign-in')
    await seeName(page, name)
    // The page has told us of the session, and is back.
    await page.waitForLoadState('networkidle')
    await seeName(page, name)
  }

  it.each(['shop', 'blog'] as const)(
    'know at the one who has signed in at the other, and forget them together by the %s',
    async (at) => {
      const { page, context, problems } = await open()
      await signInAtShop(page, 'Katherine')
      await page.goto(originOf('blog'))
      await seeName(page, 'Katherine')
      expect(new URL(page.url()).origin).toBe(originOf('blog'))
      await page.goto(originOf(at))
      await seeName(page, 'Katherine')
      await page.click('#sign-out')
      await seeNobody(page)
      const other = await context.newPage()
      await other.goto(originOf(at === 'blog' ? 'shop' : 'blog'))
      await seeNobody(other)
      await context.close()
      expect(problems).toEqual([])
    },
  )

  it('take a guest to us once in a visit, and let them be after that', async () => {
    const { page, context, problems, journeys } = await open()
    await page.goto(originOf('blog'))
    await seeNobody(page)
    expect(journeys).toEqual(['/oneall/blog/socialize/sso/check'])
    for (let again = 0; again < 3; again += 1) {
      await page.reload()
      await seeNobody(page)
    }
    expect(journeys).toHaveLength(1)
    await context.close()
    expect(problems).toEqual([])
  })

  it('take whoever has signed in to us once, however many pages they open', async () => {
    const { page, context, problems, journeys } = await open()
    await signInAtShop(page, 'Mary')
    for (let again = 0; again < 3; again += 1) {
      await page.reload()
      await seeName(page, 'Mary')
      await page.waitForLoadState('networkidle')
    }
    expect(journeys.filter((path) => path.endsWith('/register'))).toHaveLength(1)
    await context.close()
    expect(problems).toEqual([])
  })

  it('know who has signed in at Drawbridge itself', async () => {
    const { page, context, problems } = await open()
    await signIn(page, ada)
    await page.goto(originOf('shop'))
    await seeName(page, ada)
    await page.goto(originOf('blog'))
    await seeName(page, ada)
    await context.close()
    expect(problems).toEqual([])
  })

  it('leave a page alone where nothing can be remembered', async () => {
    const { page, context, journeys } = await open()
    await page.addInitScript(() => {
      Object.defineProperty(window, 'localStorage', {
        get: () => {
          throw new Error('no storage here')
        },
      })
    })
    await page.goto(originOf('blog'))
    await seeNobody(page)
    expect(journeys).toEqual([])
    await context.close()
  })
})
