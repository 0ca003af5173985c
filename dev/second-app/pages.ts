/** The two pages of the second application. Nothing is loaded from anywhere. */

export const homePage = (name: string | undefined): string =>
  name === undefined
    ? page(
        'Second app',
        `<h1>Second app</h1>
<p>Another application of OTROTL's. Sign in here as the same person as at the gateway.</p>
<form method="post" action="/sign-in"><button>Sign in with OTROTL</button></form>`,
      )
    : page(
        'Second app',
        `<h1>Hello, ${escape(name)}</h1>
<p>You are signed in with OTROTL. Sign out, and every application that you opened with it is told, the gateway among them.</p>
<form method="post" action="/sign-out"><button>Sign out everywhere</button></form>`,
      )

export const problemPage = (text: string): string =>
  page('Second app', `<h1>Second app</h1><p>${escape(text)}</p><p><a href="/">Back</a></p>`)

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
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
