import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { unstable_readConfig } from 'wrangler'
import { readNames, readText } from './sources.ts'

describe('the top level', () => {
  const ignored = readText('.gitignore').split('\n')

  it('holds nothing that a reader would not look for there', () => {
    const here = readNames('.').filter(
      (name) => name !== '.git' && !ignored.includes(name) && !ignored.includes(`${name}/`),
    )
    expect(here).toEqual([
      '.ci',
      '.gitignore',
      '.npmrc',
      '.oxfmtrc.json',
      'README.md',
      'dev',
      'docs',
      'package-lock.json',
      'package.json',
      'src',
      'test',
      'tsconfig.json',
      'vitest.config.ts',
      'wrangler.toml',
    ])
  })
})

describe('migrations', () => {
  it('are numbered from 0001 without gaps', () => {
    const numbers = readNames('src/migrations').map((name) => {
      expect(name).toMatch(/^\d{4}_[a-z0-9_]+\.sql$/)
      return Number(name.slice(0, 4))
    })
    expect(numbers).toEqual(numbers.map((_, i) => i + 1))
  })

  it('make strict tables, which keep to their types', () => {
    for (const name of readNames('src/migrations')) {
      const sql = readText(`src/migrations/${name}`)
      const created = sql.match(/^CREATE TABLE /gm)?.length ?? 0
      const strict = sql.match(/^\) STRICT(, WITHOUT ROWID)?;/gm)?.length ?? 0
      expect(strict, name).toBe(created)
    }
  })
})

describe.each([undefined, 'production'])('wrangler.toml, environment %s', (environment) => {
  const config = unstable_readConfig({
    config: 'wrangler.toml',
    ...(environment === undefined ? {} : { env: environment }),
  })

  it('never lets fetch reach the account from within', () => {
    expect(config.compatibility_flags).toContain('global_fetch_strictly_public')
  })

  it('keeps queries, where codes and states are, out of logs and traces', () => {
    expect(config.observability).toMatchObject({ enabled: true, redact_query_string: true })
  })

  it('takes from the queue what it sends there, keeps what it cannot take, and rings the cron', () => {
    const [{ queue } = { queue: '' }] = config.queues.producers ?? []
    expect(config.queues.consumers).toMatchObject([{ queue, dead_letter_queue: `${queue}-dead` }])
    expect(config.triggers.crons).toEqual(['*/5 * * * *'])
  })

  it('holds no secret', () => {
    const names = Object.keys(config.vars)
    expect(names.filter((name) => /_(KEY|SECRET)$/.test(name))).toEqual([])
    expect(JSON.stringify(config.vars)).not.toMatch(/client_secret"|private_key"/)
  })

  it('binds what the other environment binds', () => {
    const namesIn = (bindings: readonly { readonly binding?: string; readonly name?: string }[]) =>
      bindings.map(({ binding, name }) => binding ?? name)
    expect([
      ...namesIn(config.kv_namespaces),
      ...namesIn(config.d1_databases),
      ...namesIn(config.durable_objects.bindings),
      ...namesIn(config.ratelimits),
      ...namesIn(config.queues.producers ?? []),
    ]).toEqual([
      'REVOCATION',
      'DIRECTORY',
      'USER_SESSIONS',
      'KEY_RING',
      'PROVIDER_METADATA',
      'ONE_TIME_REFERENCES',
      'CLAIMED_REFERENCES',
      'SIGN_IN_LIMIT',
      'CALLBACK_LIMIT',
      'BRIDGE_LIMIT',
      'BACK_CHANNEL_LIMIT',
      'ADMIN_LIMIT',
      'TOKEN_LIMIT',
      'DEVICE_LIMIT',
      'AUTHORIZE_LIMIT',
      'HANDOFF_LIMIT',
      'WIDGET_LIMIT',
      'SESSION_ENDS',
    ])
  })
})

describe('npm run check:config', () => {
  const check = (...options: readonly string[]) => {
    const line = ['dev/check-config.ts', '--env', 'production', ...options]
    const { status, stdout, stderr } = spawnSync(process.execPath, line, { encoding: 'utf8' })
    return [stderr, stdout, status]
  }

  it('finds what is deployed complete', () => {
    expect(check()).toEqual(['', 'The settings are complete.\n', 0])
  })

  const checkChanged = (from: RegExp, to: Readonly<Record<string, string>>) => {
    const folder = mkdtempSync(join(tmpdir(), 'drawbridge-settings-'))
    const file = join(folder, 'wrangler.toml')
    const changed = readText('wrangler.toml').replaceAll(from, (found) => to[found] ?? found)
    writeFileSync(file, changed)
    const found = check('--config', file)
    rmSync(folder, { recursive: true })
    return found
  }

  it('finds every problem at once', () => {
    const changes = { SESSION: 'SESION', '"OTROTL_C': '"OTHER_C', 'login.example.com"': 'login."' }
    const found = checkChanged(
      /^SESSION(?= =)|"OTROTL_C|login\.example\.com"(?=, custom)/gm,
      changes,
    )
    expect(found).toEqual([
      [
        'SESION: is no setting',
        'OTROTL_CLIENT_SECRET: is not in secrets.required; put it there, so that nothing is deployed without it',
        'secrets.required: names OTHER_CLIENT_SECRET, which no setting needs',
        'ISSUER: no route leads to login.example.com',
        '',
      ].join('\n'),
      '4 to be mended.\n',
      1,
    ])
  })

  it('takes a private key to be there as it takes a client secret, and a route for all below a name', () => {
    const changes = {
      client_secret_basic: 'private_key_jwt',
      CLIENT_SECRET: 'PRIVATE_KEY',
      'login.example.com", custom_domain = true': '*.example.com/*", zone_name = "example.com"',
    }
    const names = /client_secret_basic|CLIENT_SECRET|login\.example\.com", custom_domain = true/g
    expect(checkChanged(names, changes)).toEqual(['', 'The settings are complete.\n', 0])
  })

  it('says in a line what makes the file unusable', () => {
    expect(checkChanged(/^SESSION(?= =)/gm, { SESSION: '[[[' })).toEqual([
      expect.stringMatching(/^Invalid TOML document: .*, in line \d+\n$/),
      '1 to be mended.\n',
      1,
    ])
  })
})

it('what is deployed is reached by its own name only', () => {
  const config = unstable_readConfig({ config: 'wrangler.toml', env: 'production' })
  expect(config.workers_dev).toBe(false)
  expect(config.preview_urls).toBe(false)
  expect(String(config.vars.ISSUER)).toMatch(/^https:/)
})
