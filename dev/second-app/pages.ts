/** The two pages of the second application. */
import { escapeHtml, samplePage, sampleProblemPage } from '../sample-page.ts'

export const homePage = (name: string | undefined): string =>
  name === undefined
    ? samplePage(
        'Second app',
        `<h1>Second app</h1>
<p>Another application of OTROTL's. Sign in here as the same person as at the gateway.</p>
<form method="post" action="/sign-in"><button>Sign in with OTROTL</button></form>`,
      )
    : samplePage(
        'Second app',
        `<h1>Hello, ${escapeHtml(name)}</h1>
<p>You are signed in with OTROTL. Sign out, and every application that you opened with it is told, the gateway among them.</p>
<form method="post" action="/sign-out"><button>Sign out everywhere</button></form>`,
      )

export const problemPage = (text: string): string => sampleProblemPage('Second app', text)
