/** The pages of the marketplace. */
import { ASK_AGAIN, escapeHtml, samplePage, sampleProblemPage } from '../sample-page.ts'

export const homePage = (name: string | undefined): string =>
  name === undefined
    ? samplePage(
        'Marketplace',
        `<h1>Marketplace</h1>
<p>An application of Drawbridge's: it knows nothing of OTROTL, nor of any password.</p>
<form method="post" action="/sign-in"><button id="sign-in">Sign in with Drawbridge</button></form>`,
      )
    : samplePage(
        'Marketplace',
        `<h1>Hello, ${escapeHtml(name)}</h1>
<p>Drawbridge says who you are. Sign out here or anywhere else, and it ends here too.</p>
<form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>`,
        ASK_AGAIN,
      )

export const problemPage = (text: string): string => sampleProblemPage('Marketplace', text)
