import type { Strategy } from 'passport'

export type Outcome =
  | { readonly kind: 'redirected'; readonly to: URL }
  | { readonly kind: 'succeeded'; readonly user: unknown }
  | { readonly kind: 'failed'; readonly reason: unknown }

/** Runs a Passport strategy for one request, as Passport's own middleware does. Rejects with its error. */
export const driveStrategy = async (
  strategy: Strategy,
  request: Readonly<Record<string, unknown>>,
  options: Readonly<Record<string, unknown>> = {},
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const running = Object.assign(Object.create(strategy) as Strategy, {
      redirect: (url: string) => resolve({ kind: 'redirected', to: new URL(url) }),
      success: (user: unknown) => resolve({ kind: 'succeeded', user }),
      fail: (reason: unknown) => resolve({ kind: 'failed', reason }),
      error: reject,
      pass: () => resolve({ kind: 'failed', reason: 'passed' }),
    })
    // Its declared type wants the whole of Express.
    const { authenticate } = running as unknown as {
      readonly authenticate: (this: unknown, request: unknown, options: unknown) => void
    }
    authenticate.call(running, request, options)
  })
