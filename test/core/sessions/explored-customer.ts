import { expect } from 'vitest'
import { createRevocation } from '../../../src/core/revocation/revocation.ts'
import type { JudgedToken, RevocationLevel } from '../../../src/core/revocation/revocation.ts'
import type { GrantKind } from '../../../src/core/sessions/grant.ts'
import type { SessionRules } from '../../../src/core/sessions/session-rules.ts'
import type { PresentedGrant } from '../../../src/core/sessions/take-grant.ts'
import { randomId } from '../../../src/platform/random.ts'
import { ok } from '../../../src/platform/refusal.ts'
import { ExploredUser } from './explored-user.ts'
import type { SignIn } from './explored-user.ts'
import { SHOP } from './granted.ts'
import { TOKEN_SECONDS } from './signed-in-user.ts'

/** What hangs together: it ends as a whole, with its session or before. */
interface Family {
  readonly id: string
  readonly signIn: SignIn
  isEnded: boolean
}

interface ExploredGrant {
  readonly family: Family
  readonly presented: PresentedGrant
  isTaken: boolean
  readonly handedOutAt: number
}

interface ApplicationToken {
  readonly family: Family
  readonly claims: JudgedToken
}

/** Longer than a schedule: what ends here ends for another reason. */
const GRANT_SECONDS = 900

const newHash = () => (randomId() + randomId()).slice(0, 43)

/** A user whose sessions an application takes part in; and beside them what ought to be alive of that. */
export class ExploredCustomer extends ExploredUser {
  readonly grants: ExploredGrant[] = []
  readonly applicationTokens: ApplicationToken[] = []
  rules: SessionRules = { cutOffs: [], providerIds: ['otrotl'] }

  /** A code and a refresh token that were there before, with an access token of the latter. */
  override async settleIn(): Promise<void> {
    const [standing] = this.signIns
    for (const kind of ['authorization_code', 'refresh_token'] as const) {
      this.mintGrant(standing!, kind)
    }
    this.sign(this.grant('refresh_token'))
  }

  /** The standing grant of a kind. */
  grant(kind: GrantKind): ExploredGrant {
    return this.grants.find(({ presented }) => presented.kind === kind)!
  }

  /** Mints one if the object lets it; it ought to, as long as the session lives and nobody was just cut off. */
  mintGrant(signIn: SignIn, kind: GrantKind): ExploredGrant | undefined {
    const now = this.now()
    const ought = this.oughtToLive(signIn) && !this.rules.cutOffs.some(({ at }) => at >= now * 1000)
    const [grantId, secretHash] = [randomId().slice(8), newHash()]
    const family = { id: randomId(), signIn, isEnded: false }
    const binding = { applicationId: SHOP }
    const content = JSON.stringify({ scope: ['openid'], isOpenId: true })
    const grant = { kind, binding, content, lifetimeSeconds: GRANT_SECONDS }
    const minted = this.object.mintGrant({
      sid: signIn.sid,
      rules: this.rules,
      now,
      tokenLifetimeSeconds: TOKEN_SECONDS,
      minted: { grantId, family: family.id, secretHash, grant },
    })
    expect(minted.ok).toBe(ought)
    if (!minted.ok) return undefined
    const presented = { kind, grantId, secretHash, generation: 0 }
    return this.#add({ family, presented, isTaken: false, handedOutAt: now })
  }

  /** Takes it if the object lets it, which it ought to, once, as long as it lives. Answers what follows. */
  async take(grant: ExploredGrant): Promise<ExploredGrant | undefined> {
    const ought = this.oughtToGive(grant)
    const { presented, family } = grant
    const now = this.now()
    const secretHash = newHash()
    const isRefresh = presented.kind === 'refresh_token'
    const part = { applicationId: SHOP, subject: 's', clientSid: 'c' }
    let isOk: boolean | undefined
    const asked = this.object.takeGrant({
      presented,
      rules: this.rules,
      now,
      tokenLifetimeSeconds: TOKEN_SECONDS,
      by: { applicationId: SHOP },
      participation: isRefresh ? undefined : part,
      successor: { secretHash, lifetimeSeconds: GRANT_SECONDS, isKeyBound: false },
    })
    this.leave(asked.then((outcome) => (isOk = outcome.ok)))
    // One that has revoked something goes on waiting for KV; every other has answered by now.
    for (let turn = 0; turn < 5 && isOk === undefined; turn += 1) await Promise.resolve()
    expect(isOk ?? false).toBe(ought)
    if (!ought) {
      if (grant.isTaken) family.isEnded = true
      return undefined
    }
    grant.isTaken = true
    if (isRefresh) family.signIn.lastUsedAt = now
    const { grantId, generation } = presented
    const next = {
      kind: 'refresh_token' as const,
      grantId,
      secretHash,
      generation: generation + 1,
    }
    return this.#add({ family, presented: next, isTaken: false, handedOutAt: now })
  }

  /** The access token is signed when the object has answered; what has happened since is not asked again. */
  sign({ family, handedOutAt: now }: ExploredGrant): void {
    const { sid, session } = family.signIn
    const claims: JudgedToken = {
      sub: this.userId,
      sid,
      epoch: session!.epoch,
      idp: 'otrotl',
      jti: randomId(),
      gid: family.id,
      client_id: SHOP,
      iat: now,
      exp: now + TOKEN_SECONDS,
    }
    this.applicationTokens.push({ family, claims })
  }

  /** All that the application was given until now has just been ended. */
  cutApplication(): void {
    for (const { family } of this.grants) family.isEnded = true
  }

  oughtToGive = ({ family, isTaken }: ExploredGrant): boolean =>
    !isTaken && !family.isEnded && this.oughtToLive(family.signIn)

  /** Whether the object would give something for it. */
  isGood({ presented }: ExploredGrant): boolean {
    const seen = this.object.peekGrant({ presented, rules: this.rules, now: this.now() })
    return seen.ok && !seen.value.isSpent
  }

  async isTaken(level: RevocationLevel, { claims }: ApplicationToken): Promise<boolean> {
    if (this.now() >= claims.exp) return false
    const userSessions = { getByName: () => this.object } as unknown as Env['USER_SESSIONS']
    const rules = async () => ok(this.rules)
    const revocation = createRevocation({ hints: this.store.hints, userSessions, rules })
    return (await revocation.check(level, claims, this.now())).ok
  }

  override async expectCutIsDead(order: string): Promise<void> {
    const isOver = ({ family }: { readonly family: Family }) =>
      family.isEnded || family.signIn.isEnded
    for (const grant of this.grants.filter(isOver)) {
      expect(this.isGood(grant), `a ${grant.presented.kind} that was cut, ${order}`).toBe(false)
    }
    for (const token of this.applicationTokens.filter(isOver)) {
      expect(await this.isTaken('strict', token), `a token that was cut, ${order}`).toBe(false)
    }
  }

  override async expectAsItOught(order: string): Promise<void> {
    for (const grant of this.grants) {
      const ought = this.oughtToGive(grant)
      expect(this.isGood(grant), `a ${grant.presented.kind}, ${order}`).toBe(ought)
    }
    for (const token of this.applicationTokens) {
      const ought = this.#oughtToBeTaken(token)
      expect(await this.isTaken('strict', token), `at strict, ${order}`).toBe(ought)
      if (ought) expect(await this.isTaken('bounded', token), `before, ${order}`).toBe(true)
    }
  }

  override async expectAtRest(order: string): Promise<void> {
    for (const token of this.applicationTokens) {
      const ought = this.#oughtToBeTaken(token)
      expect(await this.isTaken('bounded', token), `at bounded, ${order}`).toBe(ought)
    }
  }

  #oughtToBeTaken({ family, claims }: ApplicationToken): boolean {
    return this.now() < claims.exp && !family.isEnded && this.oughtToLive(family.signIn)
  }

  #add(grant: ExploredGrant): ExploredGrant {
    this.grants.push(grant)
    return grant
  }
}
