/**
 * What ought to be, after any history of one gateway: which of the things that it has handed out are still good.
 * Written from DESIGN.md and README.md, not from the code, and as plainly as it goes: a session is over or is not, and
 * everything else hangs on one.
 */
import { settings } from './world/settings.ts'

const { idle_seconds: IDLE_SECONDS, absolute_seconds: ABSOLUTE_SECONDS } = settings.SESSION
/** A deadline is not moved by uses that come within a minute of each other. */
const USE_SECONDS = 60
/** How long the refresh token before the present one is an honest retry. */
const RETRY_SECONDS = 10
/** Of a shared session, where the site says nothing else. */
const SHARED_SECONDS = 86_400

export const APPLICATIONS = ['mall', 'forum', 'phone', 'books'] as const
export type ApplicationName = (typeof APPLICATIONS)[number]

export interface User {
  readonly name: 'alice' | 'bob'
  readonly provider: 'otrotl' | 'second'
  id: string | undefined
  /** Who they are at their provider. */
  subject: string | undefined
  isDisabled: boolean
  /** What was agreed to, by application. */
  readonly consents: Set<ApplicationName>
}

export interface Session {
  readonly user: User
  readonly isShared: boolean
  readonly sid: string
  readonly upstreamSid: string
  readonly endsAt: number
  /** Nobody has used it, at the least and at the most, until then: it ends somewhere between. */
  idle: { from: number; to: number }
  isOver: boolean
}

/** A line of descent: a code or ticket, and all that follows from it. */
export interface Family {
  readonly session: Session
  readonly application: ApplicationName
  generation: number
  takenAt: number
  isOver: boolean
  idToken: string | undefined
}

/** An application that has to hear when the session ends, under the name that it knows it by. */
export interface Participation {
  readonly session: Session
  readonly application: ApplicationName
  readonly name: string
}

interface Described {
  readonly text: string
  /** Found dead once: it must never come alive. */
  isDead: boolean
}
export type Cookie = Described & { readonly kind: 'cookie'; readonly session: Session }
export type Code = Described & {
  readonly kind: 'code' | 'ticket'
  readonly family: Family
  readonly until: number
}
export type RefreshToken = Described & {
  readonly kind: 'refresh token'
  readonly family: Family
  readonly generation: number
}
export type AccessToken = Described & {
  readonly kind: 'access token'
  readonly session: Session
  readonly family: Family | undefined
  readonly kid: string
  readonly exp: number
  readonly isForUserInfo: boolean
  isRevoked: boolean
}
export type Connection = Described & {
  readonly kind: 'connection'
  readonly session: Session
  readonly until: number
  isTaken: boolean
}
export type SharedToken = Described & { readonly kind: 'shared session'; readonly session: Session }
export type Handoff = Described & {
  readonly kind: 'hand-off'
  readonly session: Session
  isForgotten: boolean
}
export type Credential =
  | Cookie
  | Code
  | RefreshToken
  | AccessToken
  | Connection
  | SharedToken
  | Handoff

export class Model {
  now: number
  readonly users: readonly User[] = (
    [
      ['alice', 'otrotl'],
      ['bob', 'second'],
      ['alice', 'second'],
    ] as const
  ).map(([name, provider]) => ({
    name,
    provider,
    id: undefined,
    subject: undefined,
    isDisabled: false,
    consents: new Set(),
  }))
  /** Everybody who was ever there, by id. */
  readonly everybody = new Set<string>()
  readonly sessions: Session[] = []
  readonly families: Family[] = []
  readonly handedOut: Credential[] = []
  /** By application and name; told ones are no longer among them. */
  readonly participations = new Map<string, Participation>()
  /** What each application has to be told, in any order. */
  readonly toBeTold: Participation[] = []
  /** The session that each browser's cookie is of. */
  readonly browsers: (Session | undefined)[] = [undefined, undefined, undefined, undefined]
  readonly applications = new Map<ApplicationName, 'active' | 'disabled' | 'removed'>(
    APPLICATIONS.map((name) => [name, 'active']),
  )
  readonly compromised = new Set<string>()
  /** Who sites know, by user, with the token of the identity. */
  readonly identities = new Map<User, string>()

  constructor(now: number) {
    this.now = now
  }

  isLive(session: Session | undefined): session is Session {
    if (session === undefined) return false
    if (this.now >= session.endsAt || this.now >= session.idle.to) this.end([session])
    return !session.isOver
  }

  /** It may have run out or not: how long it was idle is not known to the second. */
  isInDoubt = (session: Session) => this.isLive(session) && this.now >= session.idle.from

  isFamilyLive = (family: Family) => this.isLive(family.session) && !family.isOver

  isActive = (application: ApplicationName) => this.applications.get(application) === 'active'

  isAlive(credential: Credential): boolean {
    if (!credential.isDead) credential.isDead = !this.#isGood(credential)
    return !credential.isDead
  }

  #isGood(credential: Credential): boolean {
    switch (credential.kind) {
      case 'cookie':
      case 'shared session':
        return this.isLive(credential.session)
      case 'hand-off':
        return this.isLive(credential.session) && !credential.isForgotten
      case 'connection':
        return this.isLive(credential.session) && !credential.isTaken && this.now < credential.until
      case 'code':
      case 'ticket':
        return (
          this.isFamilyLive(credential.family) &&
          credential.family.generation === 0 &&
          this.now < credential.until
        )
      case 'refresh token':
        return this.isFamilyLive(credential.family) && this.whichRefresh(credential) !== 'old'
      case 'access token':
        return (
          this.isLive(credential.session) &&
          this.now < credential.exp &&
          !credential.isRevoked &&
          !this.compromised.has(credential.kid) &&
          credential.family?.isOver !== true
        )
    }
  }

  whichRefresh({ family, generation }: RefreshToken): 'present' | 'retry' | 'old' {
    if (generation === family.generation) return 'present'
    const isRetry =
      generation === family.generation - 1 && this.now <= family.takenAt + RETRY_SECONDS
    return isRetry ? 'retry' : 'old'
  }

  add<Kind extends Credential>(credential: Omit<Kind, 'isDead'>): void {
    this.handedOut.push({ ...credential, isDead: false } as unknown as Credential)
  }

  of<Kind extends Credential['kind']>(kind: Kind) {
    return this.handedOut.filter(
      (each): each is Credential & { readonly kind: Kind } => each.kind === kind,
    )
  }

  /** One, still good or not; the newest two are as likely as all others. Of less than zero, exactly one: -1 is the first. */
  pick<Thing>(things: readonly Thing[], pick: number): Thing | undefined {
    if (pick < 0) return things[-1 - pick]
    const newest = things.slice(-2)
    return pick % 2 === 0
      ? newest.at(-1 - ((pick / 2) % Math.max(1, newest.length)))
      : things[(pick >> 1) % Math.max(1, things.length)]
  }

  open(
    user: User,
    { sid, upstreamSid, isShared }: Pick<Session, 'sid' | 'upstreamSid' | 'isShared'>,
  ): Session {
    const lifetime = isShared ? SHARED_SECONDS : ABSOLUTE_SECONDS
    const idleEnd = this.now + (isShared ? lifetime : IDLE_SECONDS)
    const session: Session = {
      user,
      isShared,
      sid,
      upstreamSid,
      endsAt: this.now + lifetime,
      idle: { from: idleEnd, to: idleEnd },
      isOver: false,
    }
    this.sessions.push(session)
    return session
  }

  use(session: Session): void {
    if (session.isShared) return
    this.mayUse(session)
    session.idle.from = Math.max(session.idle.from, this.now + IDLE_SECONDS - USE_SECONDS + 1)
  }

  /** What nobody has promised to be a use, nor to be none. */
  mayUse(session: Session): void {
    if (!session.isShared) session.idle.to = Math.max(session.idle.to, this.now + IDLE_SECONDS)
  }

  liveSessionsOf = (user: User) =>
    this.sessions.filter((session) => session.user === user && this.isLive(session))

  /** Whoever asked for it knows it already. */
  end(sessions: readonly Session[], askedBy?: ApplicationName): void {
    for (const session of sessions) {
      session.isOver = true
      this.#tell((participation) => participation.session === session, askedBy)
    }
  }

  /** Somebody signs out of one session: of their own, and then of what sites share. */
  signOut(session: Session, askedBy?: ApplicationName): void {
    if (!this.isLive(session)) return
    this.end([session], askedBy)
    if (session.isShared) return
    this.end(this.liveSessionsOf(session.user).filter(({ isShared }) => isShared))
  }

  takePart(participation: Participation): void {
    const { application, name } = participation
    this.participations.set(`${application} ${name}`, participation)
  }

  #tell(isMeant: (participation: Participation) => boolean, but?: ApplicationName): void {
    for (const [key, participation] of this.participations) {
      if (!isMeant(participation)) continue
      this.participations.delete(key)
      if (participation.application !== but) this.toBeTold.push(participation)
    }
  }

  /** Erased: who comes again is somebody new. */
  forget(user: User): void {
    user.id = undefined
    user.isDisabled = false
    user.consents.clear()
    this.identities.delete(user)
  }

  /** All that an application has, of one person or of everybody. */
  cutOff(application: ApplicationName, user?: User): void {
    const isMeant = (session: Session) => user === undefined || session.user === user
    for (const family of this.families)
      if (family.application === application && isMeant(family.session)) family.isOver = true
    this.#tell((each) => each.application === application && isMeant(each.session))
    // Whoever disconnects a service is not signed out by it any more; one that is cut off may still say who has left it.
    if (application === 'books' && user !== undefined)
      for (const handoff of this.of('hand-off'))
        if (isMeant(handoff.session)) handoff.isForgotten = true
    for (const each of user === undefined ? this.users : [user]) each.consents.delete(application)
  }
}
