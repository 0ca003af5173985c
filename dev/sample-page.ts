/** The look of the sample applications. Nothing is loaded from anywhere. `head` and `body` are HTML, `title` is text. */
export const samplePage = (title: string, body: string, head = ''): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">${head}
<style>
:root { color-scheme: light dark }
body { max-width: 30rem; margin: 12vh auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
button { font: inherit; padding: .6rem 1rem; border-radius: .5rem }
</style>
</head>
<body><main>${body}</main></body>
</html>`

export const sampleProblemPage = (title: string, problem: string): string =>
  samplePage(
    title,
    `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(problem)}</p><p><a href="/">Back</a></p>`,
  )

/** A real application would rather use a socket; for looking at it, asking again is enough. */
export const ASK_AGAIN = '<meta http-equiv="refresh" content="2">'

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
