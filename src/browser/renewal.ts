/**
 * Gets a token, renewing at most once however many callers in however many tabs ask for it: callers in one
 * tab share one renewal, tabs take turns, and whoever's turn comes looks first at what the others left.
 */
import { askBridge } from './bridge.ts'
import type { BridgeAnswer } from './bridge.ts'
import type { DpopProver } from './dpop.ts'
import type { Page } from './page.ts'
import { isDueForRenewal } from './token-life.ts'
import type { StoredToken, TokenStore } from './token-store.ts'

export interface RenewalParts {
  readonly page: Page
  readonly store: TokenStore
  readonly gateway: () => string
  readonly prover: () => Promise<DpopProver | undefined>
  /** Whether a token is of the kind that is asked for now (bound to a key, or not). */
  readonly isOfUse: (token: StoredToken) => boolean
}

/**
 * Answers a function that renews the stored token and says what the bridge, or another tab, answered. A token
 * that is in doubt is renewed however much life it has left.
 */
export function createRenewal({
  page,
  store,
  gateway,
  prover,
  isOfUse,
}: RenewalParts): (doubted?: StoredToken) => Promise<BridgeAnswer> {
  let underWay: Promise<BridgeAnswer> | undefined

  async function renew(doubted?: StoredToken, triesLeft = 2): Promise<BridgeAnswer> {
    const stored = store.read()
    const isDoubted = stored?.accessToken === doubted?.accessToken
    const isGood = stored !== undefined && isOfUse(stored) && !isDueForRenewal(stored, page.now())
    if (isGood && !isDoubted) {
      return { is: 'token', token: stored }
    }
    const signOutsBefore = store.signOuts()
    const answer = await askBridge(page, gateway(), await prover())
    if (answer.is === 'no_session') store.signOut()
    if (answer.is !== 'token') return answer
    // Somebody signed out while the bridge answered: the token may be of the session that has just ended.
    if (store.signOuts() !== signOutsBefore) {
      return triesLeft > 1
        ? renew(doubted, triesLeft - 1)
        : { is: 'unavailable', retryAfterSeconds: 1 }
    }
    store.write(answer.token)
    return answer
  }

  return (doubted) => {
    underWay ??= page
      .alone('drawbridge:renewal', () => renew(doubted))
      .finally(() => (underWay = undefined))
    return underWay
  }
}
