import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { createRotateWidgetSecret } from '../../../src/core/applications/rotate-widget-secret.ts'
import type { WidgetRegistration } from '../../../src/core/applications/widget-rules.ts'
import { createWidgetSecrets } from '../../../src/core/applications/widget-secrets.ts'
import { asWidget, widgetClientId } from '../../../src/core/applications/widget.ts'
import { applicationRegistry, widgetSecrets } from '../../world/applications.ts'
import { settings } from '../../world/settings.ts'

const NOW = 2_524_608_000
const SECRET = 'brought-0123456789-abcdefghijklmnop'

async function register(widget: WidgetRegistration | undefined, widgetSecret?: string) {
  return applicationRegistry().register({ name: 'Comments', widget, widgetSecret }, NOW)
}

async function registered(widget: WidgetRegistration = {}, widgetSecret?: string) {
  const answer = await register(widget, widgetSecret)
  if (!answer.ok) throw new Error(JSON.stringify(answer.problems))
  const { application, widgetSecret: shown } = answer.value
  return { id: application.id, application, secret: shown!.secret }
}

const rows = async () => (await env.DIRECTORY.prepare('SELECT * FROM widget_secrets').all()).results

const valid = async (id: string, now = NOW) => {
  const secrets = await widgetSecrets().valid(id, now)
  return secrets.ok ? secrets.value : secrets.refusal.code
}

describe('an application that is a widget', () => {
  it('is registered with the defaults of what was left out, and a secret of 256 bits', async () => {
    const { id, application, secret } = await registered()
    expect(application.widget).toEqual({
      tokenLifetimeSeconds: 1200,
      acceptedLifetimeSeconds: 1200,
      allowedOrigins: [],
      roles: {},
    })
    expect(secret).toMatch(/^[\w-]{43}$/)
    expect(await applicationRegistry().find(id)).toEqual(application)
    const widget = asWidget(application)
    expect(widget.ok && widgetClientId(widget.value)).toBe(id)
    expect(await valid(id)).toEqual([secret])
  })

  it('may bring the client id and the secret that its maker has given it', async () => {
    const { id, application, secret } = await registered({ clientId: 'eyJhbGciOi.J9.x' }, SECRET)
    expect(secret).toBe(SECRET)
    expect(await valid(id)).toEqual([SECRET])
    const widget = asWidget(application)
    expect(widget.ok && widgetClientId(widget.value)).toBe('eyJhbGciOi.J9.x')
  })

  it.each([
    [
      'more than 20 minutes',
      { tokenLifetimeSeconds: 1201, acceptedLifetimeSeconds: 3600 },
      '/widget/token_lifetime_seconds',
    ],
    ['a lifetime of a moment', { tokenLifetimeSeconds: 59 }, '/widget/token_lifetime_seconds'],
    ['half a second', { tokenLifetimeSeconds: 60.5 }, '/widget/token_lifetime_seconds'],
    ['no number', { tokenLifetimeSeconds: Number.NaN }, '/widget/token_lifetime_seconds'],
    ['hours', { acceptedLifetimeSeconds: 3601 }, '/widget/accepted_lifetime_seconds'],
    ['less than our own', { acceptedLifetimeSeconds: 600 }, '/widget/accepted_lifetime_seconds'],
    ['an empty client id', { clientId: '' }, '/widget/client_id'],
    ['a blank in the audience', { audience: 'a b' }, '/widget/audience'],
    ['a path', { allowedOrigins: ['https://a.example/x'] }, '/widget/allowed_origins/0'],
    ['a slash', { allowedOrigins: ['https://a.example/'] }, '/widget/allowed_origins/0'],
    ['everybody', { allowedOrigins: ['*'] }, '/widget/allowed_origins/0'],
    ['null', { allowedOrigins: ['https://a.example', 'null'] }, '/widget/allowed_origins/1'],
    ['plain http', { allowedOrigins: ['http://a.example'] }, '/widget/allowed_origins/0'],
    ['wildcards', { allowedOrigins: ['https://*.a.example'] }, '/widget/allowed_origins/0'],
    ['capitals', { allowedOrigins: ['https://A.example'] }, '/widget/allowed_origins/0'],
    ['this machine', { allowedOrigins: ['http://localhost:1'] }, '/widget/allowed_origins/0'],
    ['a scope that is none', { roles: { admin: 'root' } }, '/widget/roles/admin'],
    ['a scope of Object', { roles: { admin: 'constructor' } }, '/widget/roles/admin'],
    ['a role that is none', { roles: { 'a b~/': 'user' } }, '/widget/roles/a b~0~1'],
  ])('is not registered with %s', async (_, widget, pointer) => {
    const answer = await register(widget)
    expect(answer).toMatchObject({ ok: false, problems: [{ pointer }] })
    expect(await rows()).toEqual([])
  })

  it('has everything named that is wrong with it, at once', async () => {
    const answer = await register(
      { tokenLifetimeSeconds: 0, clientId: '', roles: { a: 'x' } },
      'short',
    )
    expect(answer.ok ? [] : answer.problems.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/widget/client_id',
      '/widget/roles/a',
      '/widget/secret',
      '/widget/token_lifetime_seconds',
    ])
  })

  it.each([
    ['24 bytes', 'abcdefghijklmnopqrstuvwx'],
    ['31 bytes', 'abcdefghijklmnopqrstuvwxyz01234'],
    ['nothing', ''],
    ['blanks', ' '.repeat(43)],
    ['one letter', 'a'.repeat(43)],
    ['a repetition', 'abcdefghij0123456789'.repeat(2)],
    ['a placeholder', 'changeme-0123456789-abcdefghijklmn'],
    ['an example', 'a-string-secret-at-least-256-bits-long'],
    ['another example', 'your-256-bit-secret-0123456789-abcdef'],
    ['a line break', `${SECRET}\n`],
    ['a kilobyte', 'abcdefghijklmnopqrs'.repeat(60) + '1'],
  ])('does not take a secret that is no secret: %s (T04)', async (_, secret) => {
    expect(await register({}, secret)).toMatchObject({
      ok: false,
      problems: [{ pointer: '/widget/secret' }],
    })
    expect(await rows()).toEqual([])
  })

  it('does not take a secret where there is no widget', async () => {
    expect(await register(undefined, SECRET)).toMatchObject({
      problems: [{ pointer: '/widget/secret', detail: 'is not used by this application' }],
    })
  })

  it('gets a secret when it becomes one, keeps it, and loses it when it is none any more', async () => {
    const registry = applicationRegistry()
    const bare = await registry.register({ name: 'Bare' }, NOW)
    if (!bare.ok) throw new Error()
    const { id } = bare.value.application
    expect(bare.value.widgetSecret).toBeUndefined()
    const become = await registry.change({ id, version: 1 }, { name: 'Bare', widget: {} }, NOW)
    const shown = become.ok && become.value.ok ? become.value.value.widgetSecret : undefined
    expect(await valid(id)).toEqual([shown?.secret])
    const again = await registry.change({ id, version: 2 }, { name: 'Still', widget: {} }, NOW)
    expect(again.ok && again.value.ok && again.value.value.widgetSecret).toBeUndefined()
    expect(await valid(id)).toEqual([shown?.secret])
    await registry.change({ id, version: 3 }, { name: 'Bare' }, NOW)
    expect(await rows()).toEqual([])
  })

  it('takes its secrets with it when it is removed', async () => {
    const { id } = await registered()
    await applicationRegistry().remove(id)
    expect(await rows()).toEqual([])
    expect(await valid(id)).toBe('no_secret')
  })
})

describe('the secrets of widgets', () => {
  it('are of no use to whoever reads the directory (I16)', async () => {
    const { secret, id } = await registered({}, SECRET)
    await widgetSecrets().rotate(id, widgetSecrets().make(), { overlapSeconds: 600, now: NOW })
    const dump = JSON.stringify(await rows())
    expect(dump).not.toContain(secret)
    expect(dump).not.toContain(SECRET.slice(0, 12))
    expect(dump).not.toContain(btoa(SECRET).slice(0, 12))
  })

  it('sign for nobody else when a row is moved', async () => {
    const [one, other] = [await registered(), await registered()]
    await env.DIRECTORY.prepare('DELETE FROM widget_secrets WHERE application_id = ?1')
      .bind(other.id)
      .run()
    await env.DIRECTORY.prepare('UPDATE widget_secrets SET application_id = ?1')
      .bind(other.id)
      .run()
    expect(await valid(other.id)).toBe('unavailable')
    expect(await valid(one.id)).toBe('no_secret')
  })

  it('are sealed anew when the key that seals them was rotated, and outlive its old value', async () => {
    const { id, secret } = await registered()
    const next = 'next-key-encryption-key-0123456789-abcdefghij-01'
    const under = (...keys: readonly [string, ...string[]]) =>
      createWidgetSecrets({ directory: env.DIRECTORY, keyEncryptionKey: keys })
    expect(await under(next).valid(id, NOW)).toMatchObject({ refusal: { code: 'unavailable' } })
    const rotated = under(next, settings.KEY_ENCRYPTION_KEY)
    expect(await rotated.valid(id, NOW)).toEqual({ ok: true, value: [secret] })
    expect(await under(next).valid(id, NOW)).toEqual({ ok: true, value: [secret] })
  })

  it('count though the directory does not take them sealed anew', async () => {
    const { id, secret } = await registered()
    const readOnly = new Proxy(env.DIRECTORY, {
      get: (target, name) => (sql: string) => {
        if (name !== 'prepare' || !sql.startsWith('SELECT')) throw new Error('read only')
        return target.prepare(sql)
      },
    })
    const keys = [
      'next-key-encryption-key-0123456789-abcdefghij-01',
      settings.KEY_ENCRYPTION_KEY,
    ] as const
    const rotated = createWidgetSecrets({ directory: readOnly, keyEncryptionKey: keys })
    expect(await rotated.valid(id, NOW)).toEqual({ ok: true, value: [secret] })
  })

  it('overlap for as long as the operator says, the newest first', async () => {
    const { id, secret } = await registered()
    const rotate = createRotateWidgetSecret({
      applications: applicationRegistry(),
      widgetSecrets: widgetSecrets(),
    })
    const rotated = await rotate({ id, overlapSeconds: 600, secret: SECRET }, NOW)
    expect(rotated).toMatchObject({ value: { ok: true, value: { secret: SECRET } } })
    expect(await valid(id)).toEqual([SECRET, secret])
    expect(await valid(id, NOW + 599)).toEqual([SECRET, secret])
    expect(await valid(id, NOW + 600)).toEqual([SECRET])
    const listed = await widgetSecrets().list(id, NOW)
    expect(listed.map(({ expiresAt }) => expiresAt)).toEqual([null, NOW + 600])
    const third = await rotate({ id, overlapSeconds: 0 }, NOW)
    const shown = third.ok && third.value.ok ? third.value.value.secret : ''
    expect(await valid(id)).toEqual([shown])
    expect(await rows()).toHaveLength(1)
  })

  it('are not rotated for what is no widget, nor to one that is no secret', async () => {
    const rotate = createRotateWidgetSecret({
      applications: applicationRegistry(),
      widgetSecrets: widgetSecrets(),
    })
    const bare = await applicationRegistry().register({ name: 'Bare' }, NOW)
    const id = bare.ok ? bare.value.application.id : ''
    const { id: widget, secret } = await registered()
    expect(await rotate({ id, overlapSeconds: 0 }, NOW)).toMatchObject({
      value: { refusal: { code: 'no_secret_used' } },
    })
    expect(await rotate({ id: 'nobody', overlapSeconds: 0 }, NOW)).toMatchObject({
      value: { refusal: { code: 'unknown_application' } },
    })
    expect(await rotate({ id: widget, overlapSeconds: 0, secret: 'short' }, NOW)).toMatchObject({
      ok: false,
      problems: [{ pointer: '/secret' }],
    })
    expect(await valid(widget)).toEqual([secret])
  })
})
