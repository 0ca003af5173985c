/** Before the browser tests: finds Chromium and starts one gateway, with its OTROTL, for all of them. */
import type { TestProject } from 'vitest/node'
import { findChromium } from './chromium.ts'
import { logFile, startWorld } from './world.ts'

export type BrowserWorld =
  | { readonly chromium: string; readonly gateway: string; readonly logFile: string }
  /** Why the tests cannot run, and whether that is a failure or only a pity. */
  | { readonly missing: string; readonly isFailure: boolean }

declare module 'vitest' {
  interface ProvidedContext {
    readonly browserWorld: BrowserWorld
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | void> {
  const chromium = findChromium()
  if (chromium === undefined) {
    const missing = 'There is no Chromium on this machine (apt-get install chromium).'
    const isFailure = process.env['BROWSER_TESTS'] === 'required'
    if (!isFailure) console.warn(`\n*** ${missing} THE BROWSER TESTS ARE SKIPPED. ***\n`)
    project.provide('browserWorld', { missing, isFailure })
    return
  }
  try {
    const world = await startWorld()
    const { gateway, stateDirectory } = world
    project.provide('browserWorld', { chromium, gateway, logFile: logFile(stateDirectory) })
    return () => world.remove()
  } catch (error) {
    // Thrown from here it would keep all other tests from running too.
    project.provide('browserWorld', { missing: String(error), isFailure: true })
  }
}
