/** What applications and their ends add to what can go on at once around one user; each as its steps. */
import type { CutOff } from '../../../src/core/tokens/cut-off.ts'
import type { Program } from '../../world/schedules.ts'
import type { ExploredCustomer } from './explored-customer.ts'
import { SHOP } from './granted.ts'

type GrantProgram = Program<ExploredCustomer>

/** The authorization endpoint looks who is there, and mints the code. */
export const mintCode: GrantProgram = (user) => {
  const signIn = user.signIns[0]!
  let isSeen = false
  return [
    () => {
      isSeen = user.isUsable(signIn)
    },
    () => {
      if (isSeen) user.mintGrant(signIn, 'authorization_code')
    },
  ]
}

/** The token endpoint looks at the code, takes it, and signs what goes with it. */
export const takeCode: GrantProgram = (user) => {
  const code = user.grant('authorization_code')
  let isSeen = false
  let next: Awaited<ReturnType<ExploredCustomer['take']>>
  return [
    () => {
      isSeen = user.isGood(code)
    },
    async () => {
      next = isSeen ? await user.take(code) : undefined
    },
    () => {
      if (next !== undefined) user.sign(next)
    },
  ]
}

export const rotateRefresh: GrantProgram = (user) => {
  const token = user.grant('refresh_token')
  let next: Awaited<ReturnType<ExploredCustomer['take']>>
  return [
    async () => {
      next = await user.take(token)
    },
    () => {
      if (next !== undefined) user.sign(next)
    },
  ]
}

/** The person says yes to a device, which comes for its tokens by and by. */
export const deviceGrant: GrantProgram = (user) => {
  let code: ReturnType<ExploredCustomer['mintGrant']>
  return [
    () => {
      code = user.mintGrant(user.signIns[0]!, 'device_code')
    },
    async () => {
      const next = code && (await user.take(code))
      if (next !== undefined) user.sign(next)
    },
  ]
}

export const disconnect: GrantProgram = (user) => [
  () => {
    const end = { applicationId: SHOP, cause: 'person' as const, now: user.now() }
    user.leave(user.object.endForApplication(end))
    user.cutApplication()
  },
]

/** The one write that every check holds; then the queue comes by. */
export const applicationCutOff: GrantProgram = (user) => {
  const cause = 'application_removed' as const
  let startedBy = 0
  return [
    () => {
      startedBy = user.nowMilliseconds()
      const cutOff: CutOff = { scope: 'application', id: SHOP, at: startedBy, cause }
      user.rules = { ...user.rules, cutOffs: [...user.rules.cutOffs, cutOff] }
      user.cutApplication()
    },
    () => {
      const end = { applicationId: SHOP, startedBy, cause, now: user.now() }
      user.leave(user.object.endForApplication(end))
    },
  ]
}
