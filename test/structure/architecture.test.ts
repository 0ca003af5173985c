import { describe, expect, it } from 'vitest'
import {
  findHono,
  findImportsWithoutExtension,
  findUnknownParts,
  findWrongImports,
  importsOf,
  mayImport,
} from './import-rules.ts'
import { readSources } from './sources.ts'
import type { Source } from './sources.ts'

const sources = readSources('src')

const importing = (path: string, target: string, keyword = 'import'): Source => ({
  path,
  text: `${keyword} { x } from '${target}'\n`,
})

describe('imports go down only', () => {
  it('in all of src', () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(findWrongImports(sources)).toEqual([])
  })

  it('and every folder has its place', () => {
    expect(findUnknownParts(sources)).toEqual([])
    expect(findUnknownParts([{ path: 'src/extras/x.ts', text: '' }])).toHaveLength(1)
  })

  it.each([
    ['src/sign-in/routes.tsx', '../sign-out/end.ts'],
    ['src/sign-in/routes.tsx', '../gateway.ts'],
    ['src/core/users/users.ts', '../../sign-in/start.ts'],
    ['src/core/users/users.ts', '../sessions/sessions.ts'],
    ['src/core/users/users.ts', '../../pages/error-page.tsx'],
    ['src/core/audit/audit.ts', '../revocation/revocation.ts'],
    ['src/core/audit/audit.ts', '../users/users.ts'],
    ['src/platform/log.ts', '../protocol/cors.ts'],
    ['src/platform/log.ts', '../config.ts'],
    ['src/protocol/cors.ts', '../core/users/user.ts'],
    ['src/protocol/cors.ts', '../config.ts'],
    ['src/pages/error-page.tsx', '../core/users/user.ts'],
    ['src/pages/error-page.tsx', '../config.ts'],
    ['src/config.ts', './core/users/user.ts'],
    ['src/settings/secret-settings.ts', '../gateway.ts'],
    ['src/browser/renewal.ts', '../platform/clock.ts'],
    ['src/sign-in/routes.tsx', '../browser/renewal.ts'],
    ['src/worker.ts', './sign-in/routes.tsx'],
    ['src/gateway.ts', './worker.ts'],
    ['src/gateway.ts', '../test/world/config.ts'],
    ['src/sign-in/start.ts', '../../dev/secrets.ts'],
  ])('%s may not import %s', (path, target) => {
    expect(findWrongImports([importing(path, target)])).toHaveLength(1)
    expect(findWrongImports([importing(path, target, 'export')])).toHaveLength(1)
    expect(findWrongImports([{ path, text: `const x = await import('${target}')` }])).toHaveLength(
      1,
    )
  })

  it.each([
    ['src/worker.ts', './gateway.ts'],
    ['src/worker.ts', './core/tokens/key-ring.ts'],
    ['src/gateway.ts', './sign-in/routes.tsx'],
    ['src/sign-in/routes.tsx', '../core/users/users.ts'],
    ['src/sign-in/routes.tsx', '../pages/error-page.tsx'],
    ['src/core/users/users.ts', '../audit/audit.ts'],
    ['src/core/users/users.ts', '../../config.ts'],
    ['src/core/revocation/end-session.ts', '../sessions/sessions.ts'],
    ['src/pages/error-page.tsx', '../protocol/errors.ts'],
    ['src/protocol/cors.ts', '../platform/refusal.ts'],
  ])('%s may import %s', (path, target) => {
    expect(findWrongImports([importing(path, target)])).toEqual([])
  })

  it('a noun of the core may take a type of another only where it is written down', () => {
    expect(mayImport('core/users', 'core/sessions', true)).toBe(true)
    expect(mayImport('core/users', 'core/sessions', false)).toBe(false)
    expect(mayImport('core/sessions', 'core/users', true)).toBe(false)
  })
})

describe('an import is found', () => {
  it.each([
    ["import { a } from './a.ts'", false],
    ["import {\n  a,\n  b,\n} from './a.ts'", false],
    ["import type { A } from './a.ts'", true],
    ["import './a.ts'", false],
    ["import * as a from './a.ts'", false],
    ["export { a } from './a.ts'", false],
    ["export * from './a.ts'", false],
    ["export type { A } from './a.ts'", true],
    ["  return import('./a.ts')", false],
  ])('in %j', (text, isTypeOnly) => {
    expect(importsOf({ path: 'src/x.ts', text })).toEqual([{ target: './a.ts', isTypeOnly }])
  })

  it('not in an export that only has a text', () => {
    expect(importsOf({ path: 'src/x.ts', text: "export const from = 'a'\n" })).toEqual([])
  })
})

describe('Hono', () => {
  it('stands only where requests are met and pages are drawn', () => {
    expect(findHono(sources)).toEqual([])
    for (const path of ['src/core/users/users.ts', 'src/sign-in/start.ts', 'src/config.ts']) {
      expect(findHono([importing(path, 'hono')]), path).toHaveLength(1)
      expect(findHono([importing(path, 'hono/cookie')]), path).toHaveLength(1)
    }
    expect(findHono([importing('src/sign-in/routes.ts', 'hono')])).toEqual([])
  })
})

it('relative imports name the file with its extension', () => {
  const all = [...sources, ...readSources('test', 'dev')]
  expect(findImportsWithoutExtension(all)).toEqual([])
  expect(findImportsWithoutExtension([importing('src/a.ts', './b')])).toHaveLength(1)
})
