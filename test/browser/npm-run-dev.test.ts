import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { ada, arriveAt, seeName, signIn, waitForToken } from './journeys.ts'
import { processesOf } from './processes.ts'
import { describeInBrowser } from './visitor.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

describeInBrowser('npm run dev', (open) => {
  let own: World
  const secretsFile = () => `${own.stateDirectory}/.dev.vars`
  const secretLines = () => readFileSync(secretsFile(), 'utf8').trim().split('\n')
  beforeAll(async () => {
    own = await startWorld()
  })
  afterAll(() => own?.remove())

  it('prints no secret', () => {
    expect(secretLines()).toHaveLength(4)
    for (const line of secretLines()) {
      expect(own.printed()).not.toContain(line.slice(line.indexOf('=') + 1))
    }
  })

  it('says in words that a port is in use', async () => {
    const [gateway, otrotl] = own.ports
    await expect(startWorld([gateway, otrotl])).rejects.toThrow(`Port ${gateway} is in use.`)
  })

  it('keeps people signed in, here and at OTROTL, when it is stopped and started again', async () => {
    const { page } = await open({ baseURL: own.gateway })
    await signIn(page, ada)
    const token = await waitForToken(page)
    await page.locator('#api-answer').waitFor()

    // An open page would notice that nobody answers its WebSocket, and Chromium would say so.
    await page.goto('about:blank')
    expect(processesOf(own.stateDirectory).length).toBeGreaterThan(1)
    expect(await own.stop()).toBe(0)
    expect(processesOf(own.stateDirectory)).toEqual([])
    await own.startAgain()

    await page.goto('/dashboard')
    await seeName(page, ada)
    // The same key verifies what was signed before.
    const status = await page.evaluate(
      async (authorization) => (await fetch('/api/me', { headers: { authorization } })).status,
      `Bearer ${token}`,
    )
    expect(status).toBe(200)
    await page.goto('/auth/sso/login?prompt=none&return_to=/dashboard?again')
    await arriveAt(page, '/dashboard?again')
  })

  it('leaves no process behind when it is killed', async () => {
    await own.stop('SIGKILL')
    await vi.waitFor(() => expect(processesOf(own.stateDirectory)).toEqual([]), { timeout: 10_000 })
  })

  it('adds a secret that is missing and changes none that is there', async () => {
    const [missing, ...kept] = secretLines()
    writeFileSync(secretsFile(), kept.join('\n'))
    await own.startAgain()
    expect(secretLines().slice(0, 3)).toEqual(kept)
    const [name] = missing!.split('=')
    expect(secretLines()[3]).toMatch(new RegExp(`^${name}=development-[\\w-]{43}$`))
    expect(secretLines()[3]).not.toBe(missing)
  })
})
