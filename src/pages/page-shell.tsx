import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'
import { icon, stylesheet } from './built-assets.ts'
import { DrawbridgeMark } from './drawbridge-scene.tsx'

/** A script that the page loads, from our own origin. */
export interface PageScript {
  readonly path: string
}

export interface PageShellProps {
  /** Names this page in the browser's tabs and history; our own name is added. */
  readonly title: string
  /** `card`: one thing to read or do. `wide`: a page with several parts. */
  readonly layout?: 'card' | 'wide'
  readonly scripts?: readonly PageScript[]
  /** The nonce that the page's Content-Security-Policy allows: `c.get('secureHeadersNonce')`. */
  readonly nonce?: string | undefined
  readonly children: Child
}

/**
 * The document around every page: language, viewport, stylesheet, and our name above `<main>`.
 *
 * The Content-Security-Policy allows no inline style, no inline handler and only scripts that carry the
 * nonce, so pages built in this shell have none of them.
 */
export const PageShell = ({
  title,
  layout = 'card',
  scripts = [],
  nonce,
  children,
}: PageShellProps) => (
  <>
    {raw('<!doctype html>')}
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{`${title} · Drawbridge`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        {/* Other sites learn nothing; our own have to see that a form came from here (RFC 6454 §7). */}
        <meta name="referrer" content="same-origin" />
        <link rel="icon" type="image/svg+xml" href={icon.path} />
        <link rel="stylesheet" href={stylesheet.path} />
        {scripts.map(({ path }) => (
          <script src={path} nonce={nonce} defer></script>
        ))}
      </head>
      <body class={layout}>
        <header class="brand">
          <DrawbridgeMark />
          <span>Drawbridge</span>
        </header>
        <main id="main">{children}</main>
      </body>
    </html>
  </>
)
