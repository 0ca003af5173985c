/** The script of shared sessions on a page of a site; in a real browser: browser/shared-sites-pages.test.ts. */
import { afterEach, describe, expect, it, vi } from 'vitest'

const BASE = 'https://login.example/oneall/shop'

/** One tab: its storage stays from page to page. */
function newTab() {
  const stores = { localStorage: newStore(), sessionStorage: newStore() }
  /** Loads a page whose queue holds these commands, with the script; answers where it has led. */
  async function open(
    href: string,
    commands: readonly (readonly unknown[])[],
    { referrer = '' } = {},
  ) {
    const left: URL[] = []
    const posted: Record<string, string>[] = []
    const [address, hash = ''] = href.split('#')
    const page = {
      href,
      origin: new URL(href).origin,
      hash: hash === '' ? '' : `#${hash}`,
      replace: (to: string) => void left.push(new URL(to)),
    }
    const createElement = () => {
      const fields: Record<string, string> = {}
      return {
        append: ({ name, value }: { name: string; value: string }) => void (fields[name] = value),
        submit: () => void posted.push(fields),
      }
    }
    vi.stubGlobal('location', page)
    vi.stubGlobal('history', { state: null, replaceState: () => void (page.href = address!) })
    vi.stubGlobal('document', { referrer, createElement, documentElement: { append: () => {} } })
    vi.stubGlobal('window', { ...stores, oneall: { base: BASE }, _oneall: [...commands] })
    vi.resetModules()
    // By its name alone: what it is written against, tests do not know.
    await vi.importActual('../../src/browser/socialize.ts')
    await scheduler.wait(5)
    return { left, posted }
  }
  return { open, stores }
}

function newStore() {
  const items = new Map<string, string>()
  return {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
    removeItem: (name: string) => void items.delete(name),
  }
}

const PAGE = 'https://shop.example/product?id=7'
const CHECK = ['single_sign_on', 'do_check_for_sso_session', `${PAGE}#part`]
const REGISTER = ['single_sign_on', 'do_register_sso_session', 'token-1']

afterEach(() => vi.unstubAllGlobals())

describe('a guest', () => {
  it('is taken to us once in a visit, with the way back and the realms', async () => {
    const { open } = newTab()
    const realms = ['single_sign_on', 'set_sso_realm', 'a', 7]
    const { left } = await open(`${PAGE}#part`, [CHECK, realms])
    expect(left.map(({ origin, pathname }) => origin + pathname)).toEqual([
      `${BASE}/socialize/sso/check`,
    ])
    expect(Object.fromEntries(left[0]!.searchParams)).toEqual({
      callback_uri: `${PAGE}#part`,
      return_to: PAGE,
      top_realm: 'a',
      sub_realm: '7',
    })
    for (const referrer of ['', 'https://shop.example/', 'https://search.example/']) {
      expect((await open(PAGE, [CHECK], { referrer })).left).toEqual([])
    }
  })

  it.each([
    ['three thousand characters that are spelled out', '%C3%A4'.repeat(500)],
    ['five thousand characters', 'x'.repeat(5000)],
  ])('on a page with an address of %s stays there', async (_what, query) => {
    const { open } = newTab()
    const here = `https://shop.example/?q=${query}`
    const commands = ['single_sign_on', 'do_check_for_sso_session', here]
    expect((await open(here, [commands])).left).toEqual([])
    const event = ['single_sign_on', 'do_event_for_sso_session', () => {}]
    const listening = await open(here, [event])
    for (const { href } of listening.left) expect(href.length).toBeLessThan(8192)
    // Nothing was noted: the next page asks.
    const { left } = listening.left.length === 0 ? await open(PAGE, [CHECK]) : listening
    expect(left).toHaveLength(1)
  })
})

describe('whoever has signed in', () => {
  it('is registered once for each session', async () => {
    const { open } = newTab()
    const fields = { sso_session_token: 'token-1', return_to: PAGE }
    expect(await open(`${PAGE}#x`, [REGISTER])).toEqual({ left: [], posted: [fields] })
    expect((await open(PAGE, [REGISTER])).posted).toEqual([])
    const other = ['single_sign_on', 'do_register_sso_session', 'token-2']
    expect((await open(PAGE, [other])).posted).toHaveLength(1)
  })

  it('is registered on the next page, where the address of this one is longer than we take', async () => {
    const { open } = newTab()
    const long = `https://shop.example/?q=${'x'.repeat(4096)}`
    expect((await open(long, [REGISTER])).posted).toEqual([])
    expect((await open(PAGE, [REGISTER])).posted).toHaveLength(1)
  })
})
