import { describe, expect, it } from 'vitest'
import type { LiveSession, SessionId, UserId } from '../../src/core/sessions/session.ts'
import { DashboardPage } from '../../src/account/dashboard-page.tsx'
import { ConfirmPage } from '../../src/pages/confirm-page.tsx'
import { ConsentPage } from '../../src/openid-provider/consent/consent-page.tsx'
import { ErrorPage } from '../../src/pages/error-page.tsx'
import { SignInPage } from '../../src/sign-in/sign-in-page.tsx'
import { all, byId, readPage, textOf } from './read-page.ts'

const nonce = 'bm9uY2U='
const requestId = '3f9a0c51e2b84d7796ac0d1e4b5f6a70'

const session = (profile: LiveSession['profile']): LiveSession => ({
  userId: 'a'.repeat(32) as UserId,
  sid: 'b'.repeat(32) as SessionId,
  epoch: 1,
  authentication: {
    providerId: 'otrotl',
    issuer: 'https://otrotl.example',
    subject: 'ada',
    authTime: 1_800_000_000,
  },
  profile,
  startedAt: 1_800_000_000,
  lastUsedAt: 1_800_000_000,
  idleDeadlineAt: 1_800_003_600,
  absoluteDeadlineAt: 1_800_043_200,
  device: 'Firefox on Windows',
})

const providers = [
  { id: 'otrotl', name: 'OTROTL', href: '/auth/sso/login/otrotl?return_to=%2Fdashboard' },
  { id: 'second', name: 'Second', href: '/auth/sso/login/second?return_to=%2Fdashboard' },
]

const pages = (words: string): [string, unknown][] => [
  [
    'sign-in page',
    <SignInPage
      providers={providers.map((provider) => ({ ...provider, name: words, href: words }))}
      returnTo={words}
      signedInAs={{ name: words }}
      continueHref={words}
      nonce={nonce}
    />,
  ],
  [
    'dashboard',
    <DashboardPage
      session={session({ name: words, email: words, picture: words })}
      providerName={words}
      nonce={nonce}
    />,
  ],
  [
    'error page',
    <ErrorPage
      code={words}
      title={words}
      explanation={words}
      nextStep={words}
      requestId={words}
      retry={{ href: words, label: words }}
      nonce={nonce}
    />,
  ],
  [
    'confirm page',
    <ConfirmPage
      title={words}
      text={words}
      action="/auth/sso/logout"
      button={words}
      fields={{ field: words }}
      cancel={{ href: words, label: words }}
      nonce={nonce}
    />,
  ],
]

describe('every page', () => {
  it.each(pages('Ada'))(
    'has a language, one heading, landmarks and our look: %s',
    async (_, page) => {
      expect(await textOf(page)).toMatch(/^<!doctype html><html lang="en">/)
      const elements = await readPage(page)
      for (const tag of ['html', 'title', 'main', 'header'])
        expect(all(elements, tag)).toHaveLength(1)
      const template = elements.find(({ tag }) => tag === 'template')?.text ?? ''
      const headings = all(elements, 'h1').filter(
        ({ text }) => template === '' || !template.includes(text),
      )
      expect(headings).toHaveLength(1)
      expect(all(elements, 'link').map(({ attributes }) => attributes.get('href'))).toEqual([
        expect.stringMatching(/^\/auth\/assets\/icon\.[\w-]{16}\.svg$/),
        expect.stringMatching(/^\/auth\/assets\/drawbridge\.[\w-]{16}\.css$/),
      ])
    },
  )

  it.each(pages('Ada'))(
    'says no word of itself to other sites, and its origin to our own: %s',
    async (_, page) => {
      const metas = all(await readPage(page), 'meta')
      const referrer = metas.filter(({ attributes }) => attributes.get('name') === 'referrer')
      expect(referrer.map(({ attributes }) => attributes.get('content'))).toEqual(['same-origin'])
    },
  )

  it.each(pages('Ada'))('keeps to the Content-Security-Policy: %s', async (_, page) => {
    const elements = await readPage(page)
    expect(all(elements, 'style')).toEqual([])
    for (const { tag, attributes, text } of elements) {
      for (const name of attributes.keys()) expect(name).not.toMatch(/^(style$|on)/)
      if (tag !== 'script') continue
      expect(attributes.get('nonce')).toBe(nonce)
      const source = attributes.get('src')
      if (source !== undefined) expect(source).toMatch(/^\/auth\/assets\//)
      expect(text === '').toBe(source !== undefined)
    }
  })

  it('has the same scripts for everybody', async () => {
    const scriptsFor = async (name: string) => {
      const all = await Promise.all(pages(name).map(([, page]) => readPage(page)))
      return all.flat().flatMap(({ tag, text }) => (tag === 'script' ? [text] : []))
    }
    expect(await scriptsFor('Ada')).toEqual(await scriptsFor(`'"</script><b>`))
  })

  const markup = `<script>alert(1)</script>"'><img src=x onerror=alert(1)><svg onload=x>&amp;`

  it.each(pages(markup))('shows markup in data as text: %s', async (_, page) => {
    const text = await textOf(page)
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img')
    const elements = await readPage(page)
    expect(all(elements, 'img')).toEqual([])
    for (const { tag, attributes } of elements) {
      expect(attributes.has('onload') || attributes.has('onerror')).toBe(false)
      if (tag === 'script') expect(attributes.get('nonce')).toBe(nonce)
    }
  })

  it.each([
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\tscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    'https:evil.example',
    'https://user@evil.example/',
  ])('makes no link and no picture of %j', async (target) => {
    for (const [, page] of pages(target)) {
      for (const { tag, attributes } of await readPage(page)) {
        if (tag === 'link' || tag === 'script') continue
        for (const name of ['href', 'src']) {
          const value = attributes.get(name)
          if (value !== undefined) expect(value).toMatch(/^\/(auth\/login|account|$)/)
        }
      }
    }
  })
})

describe('the sign-in page', () => {
  it('has a link for each provider, in order, that starts a sign-in there', async () => {
    const elements = await readPage(<SignInPage providers={providers} returnTo="/dashboard" />)
    const links = all(elements, 'a')
    expect(links.map(({ text }) => text)).toEqual(['Sign in with OTROTL', 'Sign in with Second'])
    expect(links[0]!.attributes.get('href')).toBe('/auth/sso/login/otrotl?return_to=%2Fdashboard')
    expect(links[1]!.attributes.get('id')).toBe('sign-in-with-second')
    expect(all(elements, 'form')).toEqual([])
  })

  it('names where the person goes on to, when that is another site', async () => {
    const elsewhere = await textOf(
      <SignInPage providers={providers} returnTo="https://app.example/x" />,
    )
    expect(elsewhere).toContain('<strong><bdi>app.example</bdi></strong>')
    const here = await textOf(<SignInPage providers={providers} returnTo="/dashboard" />)
    expect(here).not.toContain('<strong>')
  })

  it('offers to go on with the session there is, or with another account', async () => {
    const elements = await readPage(
      <SignInPage
        providers={providers}
        returnTo="/dashboard"
        signedInAs={{ name: 'Ada' }}
        continueHref="/dashboard"
      />,
    )
    expect(byId(elements, 'continue')).toMatchObject({ text: 'Continue as Ada' })
    expect(byId(elements, 'continue')!.attributes.get('href')).toBe('/dashboard')
    expect(all(elements, 'a')).toHaveLength(3)
  })

  it('says so when there is no provider', async () => {
    const elements = await readPage(<SignInPage providers={[]} returnTo="/" />)
    expect(all(elements, 'main')[0]!.text).toContain('No way to sign in has been set up')
  })
})

describe('the error page', () => {
  it('has code, request id and a way to try again', async () => {
    const elements = await readPage(
      <ErrorPage
        code="sign_in_expired"
        title="This took too long"
        explanation="Why."
        nextStep="What now."
        requestId={requestId}
        retry={{ href: '/auth/login', label: 'Sign in again' }}
      />,
    )
    expect(byId(elements, 'error-code')!.text).toBe('sign_in_expired')
    expect(byId(elements, 'request-id')!.text).toBe(requestId)
    expect(byId(elements, 'try-again')!.attributes.get('href')).toBe('/auth/login')
    expect(all(elements, 'h1')[0]!.text).toBe('This took too long')
    expect(all(elements, 'script')).toEqual([])
  })
})

describe('the confirm page', () => {
  it('asks by a POST form, with the fields it was given', async () => {
    const elements = await readPage(
      <ConfirmPage
        title="Sign out?"
        text="Everywhere."
        action="/auth/sso/logout"
        button="Sign out"
        fields={{ id_token_hint: 'a.b.c' }}
        cancel={{ href: '/dashboard', label: 'Stay' }}
      />,
    )
    const [form] = all(elements, 'form')
    expect(Object.fromEntries(form!.attributes)).toMatchObject({
      method: 'post',
      action: '/auth/sso/logout',
    })
    expect(Object.fromEntries(all(elements, 'input')[0]!.attributes)).toEqual({
      type: 'hidden',
      name: 'id_token_hint',
      value: 'a.b.c',
    })
    expect(all(elements, 'button')[0]!.text).toBe('Sign out')
    expect(all(elements, 'a')[0]!.attributes.get('href')).toBe('/dashboard')
  })
})

describe('the dashboard', () => {
  it('shows the person and the session without any script', async () => {
    const page = (
      <DashboardPage
        session={session({
          name: 'Ada',
          email: 'ada@otrotl.example',
          picture: 'https://otrotl.example/ada.png',
        })}
        providerName="OTROTL"
        nonce={nonce}
      />
    )
    const elements = await readPage(page)
    expect(byId(elements, 'person-name')!.text).toBe('Ada')
    expect(byId(elements, 'person-email')!.text).toBe('ada@otrotl.example')
    expect(byId(elements, 'provider-name')!.text).toBe('OTROTL')
    expect(byId(elements, 'session-heading')).toBeDefined()
    expect(all(elements, 'time').map(({ attributes }) => attributes.get('datetime'))).toEqual([
      '2027-01-15T08:00:00.000Z',
      '2027-01-15T09:00:00.000Z',
      '2027-01-15T20:00:00.000Z',
    ])
    expect(all(elements, 'img')[0]!.attributes.get('referrerpolicy')).toBe('no-referrer')
    expect(byId(elements, 'api')!.attributes.has('hidden')).toBe(true)
    expect(await textOf(page)).toContain('<noscript>')
  })

  it('greets a person whose provider told no name', async () => {
    const nameOf = async (profile: LiveSession['profile']) =>
      byId(
        await readPage(<DashboardPage session={session(profile)} providerName="OTROTL" />),
        'person-name',
      )!.text
    expect(await nameOf({ email: 'ada@otrotl.example' })).toBe('ada@otrotl.example')
    expect(await nameOf({})).toBe('traveller')
    expect(await nameOf({ name: ' \n\u0000 ' })).toBe('traveller')
  })

  it('cuts a name of 10 KB, and isolates one that turns the writing direction', async () => {
    const long = await textOf(
      <DashboardPage session={session({ name: 'x'.repeat(10_240) })} providerName="OTROTL" />,
    )
    expect(long.length).toBeLessThan(8_000)
    const turned = await textOf(
      <DashboardPage session={session({ name: 'Ada\u202egnitnuoccA' })} providerName="O" />,
    )
    expect(turned).toContain('<bdi id="person-name">Ada\u202egnitnuoccA</bdi>')
  })
})

it('the consent page names every scope, also one that it has no words for', async () => {
  const scope = ['openid', 'orders:read', 'constructor', '__proto__']
  const view = {
    application: { id: 'shop', name: 'Shop' },
    session: session({ name: 'Ada' }),
    scope,
    claims: [],
    resource: undefined,
    redirectUri: 'https://shop.example/cb',
    requestUri: 'urn:x',
    proof: 'proof',
    otherAccountHref: '/auth/login',
  }
  const elements = await readPage(<ConsentPage view={view} nonce={nonce} />)
  const shown = all(elements, 'li').filter(({ attributes }) => attributes.has('data-scope'))
  expect(shown.map(({ text }) => text)).toEqual([
    'That it is you, when you sign in',
    ...scope.slice(1),
  ])
})
