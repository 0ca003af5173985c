/** The script of the page about one's own sessions, which works without it. */
import type {} from './classic-script.ts'
import { keepSignedInPage } from './signed-in-page.ts'

const { drawbridge } = window
keepSignedInPage(drawbridge, document.querySelector<HTMLElement>('#account')!.dataset.sid!)
// To know who is signed in is to be told when nobody is.
drawbridge.getToken().catch(() => {})
