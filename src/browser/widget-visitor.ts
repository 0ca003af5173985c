/**
 * Who is signed in in a widget, on one page. The token is kept in memory only: it is fetched anew at each page
 * load and before it expires, and dropped the moment that the session ends.
 *
 * A token that the page was given from elsewhere is kept until it expires, unless the gateway has the same person
 * signed in: then it is kept as if it had been fetched here.
 */
import { WidgetAuthError } from './annoto-api.ts'
import type { WidgetUser } from './annoto-api.ts'
import { createNotices } from './notices.ts'
import type { Page } from './page.ts'
import { claimsOf, isDueForRenewal, remainingSeconds, renewalDelay } from './token-life.ts'
import { askWidgetToken, presentWidgetToken } from './widget-gateway.ts'
import type { WidgetAuthAnswer } from './widget-gateway.ts'

export interface WidgetVisitorParts {
  readonly page: Page
  /** The URL that the widget's routes are under: `https://login.example/widgets/comments`. */
  readonly widget: string
  readonly onChange: (user: WidgetUser | undefined) => void
}

export interface WidgetVisitor {
  user(): WidgetUser | undefined
  token(): string | undefined
  /** Asks the gateway who is signed in, and follows that from then on. Never rejects. */
  follow(): Promise<void>
  /**
   * Presents the token that the page has begun with, and again while nobody can judge it. Where there is none, or it is
   * no good: `follow`. Never rejects.
   */
  begin(token: string | undefined): Promise<void>
  /** Presents a token from elsewhere. Rejects with `WidgetAuthError` where it is not taken. */
  present(token: string): Promise<void>
  /** The person did something: the next renewal is theirs, and a use of the session. */
  noteUse(): void
  /** Forgets the person, and asks for nobody until `follow` or `present`. */
  leave(): void
}

interface Held {
  readonly token: string
  readonly user: WidgetUser
  readonly receivedAt: number
  readonly expiresInSeconds: number
}

/** How long the answer takes that brings a new cookie, after the session that it replaces has ended. */
const replacedMilliseconds = 1500
/** The first gap after an answer that is no help; every one that follows it doubles the gap, up to the longest. */
const retrySeconds = 15
const longestRetrySeconds = 300

export function createWidgetVisitor({ page, widget, onChange }: WidgetVisitorParts): WidgetVisitor {
  let held: Held | undefined
  /** Whether whoever is signed in at the gateway is whom this page knows. */
  let isFollowing = false
  let isInUse = false
  /** Answers in a row that were no help. */
  let failures = 0
  /** Raised by whatever decides anew who it is: an answer to an older question is of no interest. */
  let turn = 0
  let cancelExpiry = () => {}
  let cancelAsking = () => {}

  function hold(next: Held | undefined): void {
    const before = held?.user
    held = next
    cancelExpiry()
    if (next !== undefined) {
      const now = page.now()
      cancelExpiry = page.later(remainingSeconds(next, now) * 1000, () => hold(undefined))
      askLater(renewalDelay(next, now))
    }
    if (JSON.stringify(before) !== JSON.stringify(next?.user)) onChange(next?.user)
  }

  /** A page that nobody looks at does not ask; it does when it is looked at again. */
  function askLater(milliseconds: number): void {
    cancelAsking()
    cancelAsking = page.later(milliseconds, () => {
      if (isFollowing && page.isVisible()) void ask({ isRenewal: !isInUse })
    })
  }

  /** Later after each answer that was no help. */
  const retryMilliseconds = (first: number) =>
    Math.min(first * 2 ** failures++, longestRetrySeconds) * 1000

  async function ask(how: { readonly isRenewal: boolean }): Promise<void> {
    const mine = ++turn
    cancelAsking()
    isInUse = false
    const answer = await askWidgetToken(page, widget, how)
    if (mine !== turn) return
    // What the person did is not told yet.
    if (answer.is === 'unavailable') isInUse ||= !how.isRenewal
    const taken = answer.is === 'token' ? await take(answer.token, mine) : answer
    if (mine !== turn) return
    if (taken.is === 'known') notices.start()
    else if (taken.is === 'nobody') {
      failures = 0
      notices.stop()
      hold(undefined)
    } else {
      askLater(
        retryMilliseconds(taken.is === 'unavailable' ? taken.retryAfterSeconds : retrySeconds),
      )
    }
  }

  async function take(token: string, mine: number): Promise<WidgetAuthAnswer> {
    const answer = await presentWidgetToken(page, widget, token)
    if (mine !== turn) return answer
    if (answer.is === 'refused') hold(undefined)
    if (answer.is === 'known') {
      failures = 0
      const { user, receivedAt, expiresInSeconds } = answer
      hold({ token, user, receivedAt, expiresInSeconds })
    }
    return answer
  }

  /** Whether the gateway has the same person signed in as the token that was given to the page says. */
  async function adopt(mine: number): Promise<void> {
    const answer = await askWidgetToken(page, widget, { isRenewal: true })
    if (mine !== turn || held === undefined || answer.is !== 'token') return
    const { jti } = claimsOf(answer.token)
    if (String(jti) !== held.user.id) return
    isFollowing = true
    notices.start()
  }

  const notices = createNotices({
    page,
    url: () => `${widget.replace(/^http/, 'ws')}/events`,
    onSignedOut(isReplaced) {
      notices.stop()
      turn += 1
      hold(undefined)
      // The cookie of whoever signed in instead is on its way to this browser.
      page.later(isReplaced ? replacedMilliseconds : 0, () => {
        if (isFollowing) void ask({ isRenewal: true })
      })
    },
    onDoubt() {
      if (isFollowing) void ask({ isRenewal: true })
    },
  })

  page.onWake(() => {
    // Timers stand still while a machine sleeps.
    if (held !== undefined && remainingSeconds(held, page.now()) <= 0) hold(undefined)
    const isDue = held === undefined || isDueForRenewal(held, page.now())
    if (isFollowing && isDue) void ask({ isRenewal: false })
    notices.wake()
  })

  function follow(): Promise<void> {
    isFollowing = true
    return ask({ isRenewal: false })
  }

  async function begin(token: string | undefined): Promise<void> {
    if (!token) return follow()
    const mine = ++turn
    const answer = await take(token, mine)
    if (mine !== turn) return
    if (answer.is === 'refused') return follow()
    if (answer.is === 'known') return adopt(mine)
    // Whoever is signed in at the gateway may be somebody else than whom the page means.
    page.later(retryMilliseconds(answer.retryAfterSeconds), () => {
      if (mine === turn) void begin(token)
    })
  }

  return {
    user: () => held?.user,
    token: () => held?.token,
    follow,
    begin,
    async present(token) {
      const mine = ++turn
      const wasFollowing = isFollowing
      isFollowing = false
      notices.stop()
      const answer = await take(token, mine)
      if (mine !== turn) return
      if (answer.is === 'known') return void adopt(mine)
      // Nothing is known of the token: whoever was followed still is.
      if (answer.is === 'unavailable' && wasFollowing) {
        isFollowing = true
        notices.start()
        void ask({ isRenewal: true })
      }
      throw new WidgetAuthError(answer.is === 'refused' ? answer.code : answer.is)
    },
    noteUse: () => void (isInUse = true),
    leave() {
      turn += 1
      cancelAsking()
      isFollowing = false
      notices.stop()
      hold(undefined)
    },
  }
}
