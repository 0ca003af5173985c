import { escapeHtml } from '../sample-page.ts'
import { people } from './people.ts'

/** The few pages of the local OTROTL. Nothing is loaded from anywhere: the style is in the page. */

export function signInPage(options: {
  readonly action: string
  readonly cancelAction: string
  readonly applicationName: string
  /** `login_hint`: the person or address that the application expects. */
  readonly hint: string | undefined
}): string {
  const expected = people.find(({ email, subject }) =>
    [email, subject].includes(options.hint ?? ''),
  )
  const ordered = [...people].sort((a, b) => Number(b === expected) - Number(a === expected))
  const buttons = ordered.map(
    ({ subject, name, email, picture }) =>
      `<li><button name="person" value="${escapeHtml(subject)}"><img src="${escapeHtml(picture)}" alt="" width="40" height="40">` +
      `<span><strong>${escapeHtml(name)}</strong> <small>${escapeHtml(email)}</small></span></button></li>`,
  )
  return page(
    'Sign in',
    `<h1>Sign in to OTROTL</h1>
<p>to continue to ${escapeHtml(options.applicationName)}. Choose who you are; no password is needed here.</p>
<form method="post" action="${escapeHtml(options.action)}"><ul>${buttons.join('')}</ul></form>
<form method="post" action="${escapeHtml(options.cancelAction)}"><button class="quiet">Cancel</button></form>`,
  )
}

/** `form` is the provider's own hidden form; the buttons belong to it. */
export const signOutPage = (form: string): string =>
  page(
    'Sign out',
    `<h1>Sign out of OTROTL?</h1>
<p>Every application that you opened with it will be told.</p>${form}
<p class="choices"><button form="op.logoutForm" name="logout" value="yes" autofocus>Yes, sign me out</button>
<button class="quiet" form="op.logoutForm">No, stay signed in</button></p>`,
  )

export const signedOutPage = (): string =>
  page('Signed out', '<h1>You are signed out of OTROTL</h1><p>You can close this page.</p>')

export const errorPage = (facts: Readonly<Record<string, unknown>>): string =>
  page(
    'Something went wrong',
    `<h1>OTROTL cannot go on</h1><dl>${Object.entries(facts)
      .map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(String(value))}</dd>`)
      .join('')}</dl>`,
  )

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - OTROTL</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header><span class="brand">OTROTL</span> <span class="note">local identity provider</span></header>
<main>${body}</main>
</body>
</html>`
}

const style = `
:root { color-scheme: light dark; --ground: #f2efe9; --card: #fff; --ink: #221d16; --soft: #5f574b; --line: #d9d2c6; --accent: #9a3412 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16130f; --card: #221e18; --ink: #f3eee6; --soft: #b9afa0; --line: #40382e; --accent: #fdba74 }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; padding: 6vh 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
header, main { max-width: 26rem; margin: 0 auto }
header { padding: 0 .25rem .75rem }
main { background: var(--card); border: 1px solid var(--line); border-radius: .9rem; padding: 1.75rem }
.brand { font-weight: 800; letter-spacing: .08em; color: var(--accent) }
.note, p, small, dt { color: var(--soft) }
h1 { margin: 0 0 .35rem; font-size: 1.4rem; line-height: 1.25 }
p { margin: 0 0 1.25rem }
ul { list-style: none; margin: 0 0 1rem; padding: 0; display: grid; gap: .6rem }
button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .65rem 1rem; cursor: pointer }
li button { width: 100%; display: flex; gap: .85rem; align-items: center; text-align: left }
li span, small { display: block }
button:hover { border-color: var(--accent) }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.quiet { border-color: transparent; color: var(--soft) }
.choices { display: flex; flex-wrap: wrap; gap: .6rem; margin: 0 }
dl { margin: 0; overflow-wrap: anywhere } dd { margin: 0 0 .75rem }`
