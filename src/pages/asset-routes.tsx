/**
 * What pages load: scripts, stylesheet and icon, as built by dev/build-browser.ts.
 *
 *   GET /auth/drawbridge.js, /auth/drawbridge.mjs   the browser script at its stable address, for any page
 *   GET /widgets/bootstrap.js                       the script of a page with a widget
 *   GET /auth/assets/<name>.<hash>.<extension>      every asset under its content's hash, kept for ever
 */
import { Hono } from 'hono'
import type { Context } from 'hono'
import * as built from './built-assets.ts'

type Asset = (typeof built)[keyof typeof built]

const assets: readonly Asset[] = Object.values(built)
/** Applications' pages load these from other origins; they are the same for everybody and hold no secret. */
const usableFromAnywhere: readonly Asset[] = [built.script, built.module, built.widgetScript]
const FOR_FIVE_MINUTES = 'public, max-age=300'

export function assetRoutes() {
  const app = new Hono()
  app.get('/auth/drawbridge.js', (c) => send(c, built.script, FOR_FIVE_MINUTES))
  app.get('/auth/drawbridge.mjs', (c) => send(c, built.module, FOR_FIVE_MINUTES))
  // A name in the pattern's place: beside `/widgets/:application/…` it would cost every request the fast router.
  app.get('/widgets/:file', (c) =>
    c.req.param('file') === 'bootstrap.js'
      ? send(c, built.widgetScript, FOR_FIVE_MINUTES)
      : c.notFound(),
  )
  app.get('/auth/assets/:file', (c) => {
    const file = c.req.param('file')
    const asset = assets.find(({ file: name }) => hashless(file) === name)
    if (asset === undefined) return c.notFound()
    // While a new version is rolled out, a page of one version may ask another for its assets. It gets what
    // there is, but nobody keeps that under an address that promises something else.
    const isExact = asset.path === `/auth/assets/${file}`
    return send(c, asset, isExact ? 'public, max-age=31536000, immutable' : 'no-store')
  })
  return app
}

const hashless = (file: string): string => file.replace(/^([a-z]+)\.[\w-]{16}\./, '$1.')

function send(c: Context, asset: Asset, cacheControl: string): Response | Promise<Response> {
  const entityTag = `"${asset.hash}"`
  c.header('Cache-Control', cacheControl)
  c.header('ETag', entityTag)
  c.header('X-Content-Type-Options', 'nosniff')
  if (usableFromAnywhere.includes(asset)) {
    c.header('Access-Control-Allow-Origin', '*')
    c.header('Cross-Origin-Resource-Policy', 'cross-origin')
  } else {
    c.header('Cross-Origin-Resource-Policy', 'same-origin')
  }
  if (isAmong(entityTag, c.req.header('if-none-match'))) return c.body(null, 304)
  return c.body(asset.body, 200, { 'Content-Type': asset.contentType })
}

/** RFC 9110 §13.1.2: `*` is any, and tags are compared weakly, since a proxy that compresses makes ours a weak one. */
const isAmong = (entityTag: string, header = ''): boolean =>
  header.split(',').some((tag) => ['*', entityTag].includes(tag.trim().replace(/^W\//, '')))
