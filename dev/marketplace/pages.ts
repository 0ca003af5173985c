/** The pages of the marketplace. Nothing is loaded from anywhere. */

export const homePage = (name: string | undefined): string =>
  name === undefined
    ? page(`<h1>Marketplace</h1>
<p>An application of Drawbridge's: it knows nothing of OTROTL, nor of any password.</p>
<form method="post" action="/sign-in"><button id="sign-in">Sign in with Drawbridge</button></form>`)
    : page(
        `<h1>Hello, ${escape(name)}</h1>
<p>Drawbridge says who you are. Sign out here or anywhere else, and it ends here too.</p>
<form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>`,
        // A real one would rather use a socket; for looking at it, asking again is enough.
        '<meta http-equiv="refresh" content="2">',
      )

export const problemPage = (text: string): string =>
  page(`<h1>Marketplace</h1><p>${escape(text)}</p><p><a href="/">Back</a></p>`)

const page = (body: string, head = ''): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Marketplace</title>
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
