import { describe, expect, it } from 'vitest'
import { assetRoutes } from '../../src/pages/asset-routes.tsx'
import * as built from '../../src/pages/built-assets.ts'

const app = assetRoutes()
const get = (path: string, headers: Record<string, string> = {}) =>
  app.request(`https://login.example${path}`, { headers })

describe('an asset under its content’s hash', () => {
  it.each(Object.values(built))('is served as what it is, for ever: $file', async (asset) => {
    const response = await get(asset.path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(asset.contentType)
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await response.text()).toBe(asset.body)
  })

  it('of another version gives what there is, and is not kept', async () => {
    const response = await get('/auth/assets/drawbridge.AAAAAAAAAAAAAAAA.css')
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.text()).toBe(built.stylesheet.body)
  })

  it.each([
    '/auth/assets/',
    '/auth/assets/drawbridge.css.map',
    '/auth/assets/AAAAAAAAAAAAAAAA.css',
    '/auth/assets/drawbridge.AAAAAAAAAAAAAAAA.exe',
    '/auth/assets/__proto__',
    '/auth/assets/constructor',
    '/auth/assets/..%2f..%2fdashboard',
    '/auth/assets/%E0%A4%A',
  ])('that we have not is not found: %s', async (path) => {
    expect((await get(path)).status).toBe(404)
  })
})

describe('the browser script at its stable address', () => {
  it.each([
    ['/auth/drawbridge.js', built.script],
    ['/auth/drawbridge.mjs', built.module],
    ['/widgets/bootstrap.js', built.widgetScript],
  ])('may be loaded by any page and is soon asked for again: %s', async (path, asset) => {
    const response = await get(path, { origin: 'https://app.example' })
    expect(await response.text()).toBe(asset.body)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
    expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
    const entityTag = response.headers.get('etag')!
    for (const tag of [entityTag, `"other", W/${entityTag}`, '*']) {
      const again = await get(path, { 'if-none-match': tag })
      expect(again.status).toBe(304)
      expect(await again.text()).toBe('')
    }
    expect((await get(path, { 'if-none-match': '"other"' })).status).toBe(200)
  })

  it('is the only thing that other origins may load', async () => {
    for (const asset of [built.stylesheet, built.icon, built.dashboardScript]) {
      const { headers } = await get(asset.path, { origin: 'https://app.example' })
      expect(headers.get('access-control-allow-origin')).toBeNull()
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    }
  })

  it('sets one name and evaluates no text', () => {
    expect(built.script.body).not.toMatch(/\beval\(|new Function|innerHTML|document\.write/)
    expect(built.dashboardScript.body).not.toMatch(
      /\beval\(|new Function|innerHTML|document\.write/,
    )
    expect(built.module.body).toMatch(/export\{/)
  })
})
