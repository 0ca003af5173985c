/** The pages of the bookshelf. Nothing is loaded from anywhere. */

export const homePage = (name: string | undefined, servicesUrl: string): string =>
  name === undefined
    ? page(`<h1>Bookshelf</h1>
<p>A service that Drawbridge hands people over to: it has no sign-in of its own.</p>
<p><a id="come-over" href="${servicesUrl}">Come over from your services</a></p>`)
    : page(
        `<h1>Hello, ${escape(name)}</h1>
<p>You came over from Drawbridge. Sign out here or there, and it ends here too.</p>
<form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>`,
        // A real one would rather use a socket; for looking at it, asking again is enough.
        '<meta http-equiv="refresh" content="2">',
      )

/** A ticket counts once: it is shown to the host by the person's click, never by whoever loads the address. */
export const landingPage = (ticket: string): string =>
  page(`<h1>Bookshelf</h1>
<p>You are coming from Drawbridge, and are signed in here as the same person.</p>
<form method="post" action="/sso/login">
<input type="hidden" name="token" value="${escape(ticket)}">
<button id="continue">Continue</button></form>`)

export const problemPage = (text: string): string =>
  page(`<h1>Bookshelf</h1><p>${escape(text)}</p><p><a href="/">Back</a></p>`)

const page = (body: string, head = ''): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Bookshelf</title>
<link rel="icon" href="data:,">${head}
<style>
:root { color-scheme: light dark }
body { max-width: 30rem; margin: 12vh auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
button { font: inherit; padding: .6rem 1rem; border-radius: .5rem }
</style>
</head>
<body><main>${body}</main></body>
</html>`

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
