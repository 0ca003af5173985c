/** The pages of the bookshelf. */
import { ASK_AGAIN, escapeHtml, samplePage, sampleProblemPage } from '../sample-page.ts'

export const homePage = (name: string | undefined, servicesUrl: string): string =>
  name === undefined
    ? samplePage(
        'Bookshelf',
        `<h1>Bookshelf</h1>
<p>A service that Drawbridge hands people over to: it has no sign-in of its own.</p>
<p><a id="come-over" href="${servicesUrl}">Come over from your services</a></p>`,
      )
    : samplePage(
        'Bookshelf',
        `<h1>Hello, ${escapeHtml(name)}</h1>
<p>You came over from Drawbridge. Sign out here or there, and it ends here too.</p>
<form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>`,
        ASK_AGAIN,
      )

/** A ticket counts once: it is shown to the host by the person's click, never by whoever loads the address. */
export const landingPage = (ticket: string): string =>
  samplePage(
    'Bookshelf',
    `<h1>Bookshelf</h1>
<p>You are coming from Drawbridge, and are signed in here as the same person.</p>
<form method="post" action="/sso/login">
<input type="hidden" name="token" value="${escapeHtml(ticket)}">
<button id="continue">Continue</button></form>`,
    // The address has the ticket in it: it is nobody else's to see.
    '<meta name="referrer" content="no-referrer">',
  )

export const problemPage = (text: string): string => sampleProblemPage('Bookshelf', text)
