/**
 * What our own pages for a signed-in person share: they show times in the person's own time zone, and are
 * gone when the session is, wherever it ended.
 */
import type { Drawbridge } from './drawbridge-api.ts'

export function keepSignedInPage(drawbridge: Drawbridge, sid: string): void {
  const main = document.querySelector('main')!
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
  for (const time of main.querySelectorAll('time')) {
    time.textContent = format.format(new Date(time.dateTime))
  }

  let isClosed = false
  drawbridge.expectSession(sid)
  drawbridge.onChange((change) => {
    if (change.type === 'signed-out') {
      const notice = document.querySelector<HTMLTemplateElement>('#signed-out')
      if (notice === null) return
      isClosed = true
      main.replaceChildren(notice.content.cloneNode(true))
      document.title = 'Signed out · Drawbridge'
      main.querySelector('h1')?.focus()
    }
    // Somebody else, the same person anew, or this session after all: what stands here is not true.
    else if (change.sid !== undefined && (isClosed || change.sid !== sid)) location.reload()
  })
  // From the back/forward cache the page is as old as when it was left.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload()
  })
}
