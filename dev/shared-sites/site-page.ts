import { escapeHtml } from '../sample-page.ts'

/** The one page of a sample site, with the commands that OneAll's guide has pages push. */
export const sitePage = ({
  title,
  libraryUrl,
  person,
}: {
  readonly title: string
  readonly libraryUrl: string
  /** Who is signed in at the site, and by which shared session. */
  readonly person: { readonly name: string; readonly token: string } | undefined
}): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui;max-width:34rem;margin:4rem auto;padding:0 1rem}</style>
<h1>${title}</h1>
${
  person === undefined
    ? `<p id="nobody">You are not signed in here.</p>
<form method="post" action="/sign-in">
  <label>Your name <input name="name" required maxlength="50"></label>
  <button id="sign-in">Sign in</button>
</form>`
    : `<p>Hello, <strong id="name">${escapeHtml(person.name)}</strong>.</p>
<form method="post" action="/sign-out"><button id="sign-out">Sign out everywhere</button></form>`
}
<script>
  var _oneall = (_oneall || []);
  ${
    person === undefined
      ? `_oneall.push(['single_sign_on', 'do_check_for_sso_session', window.location.origin + '/callback', true]);`
      : `_oneall.push(['single_sign_on', 'do_register_sso_session', ${JSON.stringify(person.token)}]);`
  }
</script>
<script async src="${libraryUrl}"></script>
`
