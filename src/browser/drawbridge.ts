/**
 * One page's view of who is signed in: the stored token, what listeners have been told, and when to renew. How
 * tabs share it is token-store.ts and renewal.ts; what applications may call is drawbridge-api.ts.
 */
import { createAuthorizedFetch } from './authorized-fetch.ts'
import { createDpopProver } from './dpop.ts'
import type { DpopProver } from './dpop.ts'
import { DrawbridgeUnavailable } from './drawbridge-api.ts'
import type { Drawbridge, DrawbridgeChange, DrawbridgeOptions } from './drawbridge-api.ts'
import { createNotices } from './notices.ts'
import type { Page } from './page.ts'
import { createRenewal } from './renewal.ts'
import {
  claimsOf,
  isDueForRenewal,
  isUsable,
  remainingSeconds,
  renewalDelay,
} from './token-life.ts'
import { createTokenStore, signOutsKey, tokenKey } from './token-store.ts'
import type { StoredToken } from './token-store.ts'

export interface DrawbridgeParts {
  readonly page: Page
  /** Origin that the script was loaded from. */
  readonly gateway: string
  readonly loadDpopKeys: () => Promise<CryptoKeyPair | undefined>
}

/** How long the answer takes that brings a new cookie, after the session that it replaces has ended. */
const replacedMilliseconds = 1500
/** A browser that does not come up with its key by then can keep none. */
const keyWaitMilliseconds = 5000

export function createDrawbridge({ page, gateway, loadDpopKeys }: DrawbridgeParts): Drawbridge {
  let options: DrawbridgeOptions & { readonly gateway: string } = { gateway }
  let prover: Promise<DpopProver | undefined> | undefined
  /** The latest that listeners have been told; undefined as long as nothing is known. */
  let told: StoredToken | 'signed-out' | undefined
  /** Whether anything on this page has asked for the token that was told last. */
  let isInUse = false
  let cancelRenewal = () => {}
  const listeners = new Set<(change: DrawbridgeChange) => void>()
  const store = createTokenStore(page.storage, page.randomId)

  const getProver = async () => {
    if (options.dpop !== true) return undefined
    prover ??= Promise.race([
      loadDpopKeys().then(
        (keys) => keys && createDpopProver({ keys, now: page.now, randomId: page.randomId }),
      ),
      new Promise<undefined>((resolve) => {
        page.later(keyWaitMilliseconds, () => resolve(undefined))
      }),
    ]).catch(() => undefined)
    return prover
  }
  const renew = createRenewal({
    page,
    store,
    gateway: () => options.gateway,
    prover: getProver,
    isOfUse: (token) => isOfUse(token),
  })

  function tell(change: DrawbridgeChange): void {
    if (change.type === 'signed-out') page.emit('drawbridge:signed-out')
    for (const listener of listeners) {
      // One listener's fault is not the next one's; it is reported like any other of the page.
      try {
        listener(change)
      } catch (thrown) {
        page.later(0, () => {
          throw thrown
        })
      }
    }
  }

  function noticeToken(token: StoredToken): void {
    const before = told
    if (typeof before !== 'object' || before.accessToken !== token.accessToken) isInUse = false
    told = token
    if (options.notices !== false) notices.start()
    renewLater(renewalDelay(token, page.now()))
    if (typeof before === 'object' && before.accessToken === token.accessToken) return
    const sid = sessionOf(token)
    const isSameSession =
      typeof before === 'object' && sid !== undefined && sid === sessionOf(before)
    const type = isSameSession ? 'renewed' : 'signed-in'
    tell({ type, sid, ...(token.user !== undefined && { user: token.user }) })
  }

  function noticeSignOut(): void {
    cancelRenewal()
    notices.stop()
    if (told === 'signed-out') return
    told = 'signed-out'
    tell({ type: 'signed-out' })
  }

  /**
   * Renewing counts as use of the session, so a page that nobody looks at, or that did nothing with its token,
   * does not renew ahead: it would keep a session alive that its person has left. It renews when it is looked
   * at again, or when something asks for a token.
   */
  function renewLater(milliseconds: number): void {
    cancelRenewal()
    cancelRenewal = page.later(milliseconds, () => {
      if (page.isVisible() && isInUse) void renewAndNotice()
    })
  }

  async function renewAndNotice(
    doubted?: StoredToken,
  ): Promise<StoredToken | 'signed-out' | undefined> {
    const answer = await renew(doubted)
    if (answer.is === 'no_session') {
      noticeSignOut()
      return 'signed-out'
    }
    if (answer.is === 'unavailable') {
      renewLater(answer.retryAfterSeconds * 1000)
      return undefined
    }
    noticeToken(answer.token)
    return answer.token
  }

  /** A token that is bound to a key needs proofs, which are only made when asked for. */
  function isOfUse(token: StoredToken): boolean {
    return token.tokenType === 'Bearer' || options.dpop === true
  }

  function storedToken(): StoredToken | undefined {
    const stored = store.read()
    return stored !== undefined && isOfUse(stored) ? stored : undefined
  }

  async function currentToken(): Promise<StoredToken | undefined> {
    const stored = storedToken()
    if (stored !== undefined && isUsable(stored, page.now())) {
      noticeToken(stored)
      isInUse = true
      return stored
    }
    const renewed = await renewAndNotice()
    isInUse = true
    if (renewed === 'signed-out') return undefined
    if (renewed !== undefined) return renewed
    // The bridge is out of reach; what little life a token has that nobody has dropped is better than nothing.
    const last = storedToken()
    if (last !== undefined && remainingSeconds(last, page.now()) > 0) return last
    throw new DrawbridgeUnavailable('The sign-in service cannot be reached.')
  }

  /** Whoever comes back to this page may be somebody else, or nobody. */
  function dropToken(): void {
    const stored = store.read()
    if (stored !== undefined) store.drop(stored.accessToken)
  }

  function lookAgain(): void {
    const stored = storedToken()
    // A page that was asleep or set aside may have missed what the others were told.
    if (stored === undefined && typeof told !== 'object') return
    if (stored === undefined || isDueForRenewal(stored, page.now())) void renewAndNotice()
    else noticeToken(stored)
  }

  const notices = createNotices({
    page,
    url: () => `${options.gateway.replace(/^http/, 'ws')}/auth/sso/events`,
    onSignedOut(isReplaced) {
      notices.stop()
      if (typeof told === 'object') store.drop(told.accessToken)
      // The cookie of whoever signed in instead is on its way to this browser.
      page.later(isReplaced ? replacedMilliseconds : 0, () => void renewAndNotice())
    },
    onDoubt() {
      if (typeof told === 'object') void renewAndNotice(told)
    },
  })

  page.onWake(() => {
    lookAgain()
    notices.wake()
  })
  page.onStorageChange((key) => {
    const stored = storedToken()
    if (key === tokenKey && stored !== undefined) noticeToken(stored)
    if (key === signOutsKey && stored === undefined) noticeSignOut()
    if (key === null) lookAgain()
  })
  // Not at once: the page may want to configure us first.
  page.later(0, lookAgain)

  return {
    configure(given) {
      const { gateway: from = options.gateway, apiOrigins } = given
      options = {
        ...options,
        ...given,
        gateway: originOf(from),
        ...(apiOrigins && { apiOrigins: apiOrigins.map(originOf) }),
      }
    },
    getToken: async () => (await currentToken())?.accessToken,
    getUser: async () => (await currentToken())?.user,
    fetch: createAuthorizedFetch({
      page,
      mayReceiveToken: (origin) =>
        origin === options.gateway || options.apiOrigins?.includes(origin) === true,
      getToken: currentToken,
      drop: (token) => store.drop(token.accessToken),
      prover: getProver,
    }),
    signIn({ returnTo = page.location(), provider } = {}) {
      dropToken()
      const path = provider === undefined ? '' : `/${encodeURIComponent(provider)}`
      const query = new URLSearchParams({ return_to: new URL(returnTo, page.location()).href })
      page.navigate(`${options.gateway}/auth/sso/login${path}?${query}`)
    },
    signOut() {
      dropToken()
      const url = `${options.gateway}/auth/sso/logout`
      // The gateway takes the POST from its own pages only; from others it asks the person.
      if (new URL(page.location()).origin === options.gateway) page.post(url)
      else page.navigate(url)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    expectSession(sid) {
      const stored = store.read()
      if (stored !== undefined && sessionOf(stored) !== sid) store.drop(stored.accessToken)
    },
    forget() {
      store.signOut()
      noticeSignOut()
    },
  }
}

const originOf = (url: string): string => new URL(url).origin

const sessionOf = (token: StoredToken): string | undefined => {
  const { sid } = claimsOf(token.accessToken)
  return typeof sid === 'string' ? sid : undefined
}
