/**
 * The open tabs of one user's sessions: WebSockets that the user's object holds, and that hibernate with it.
 * A tab whose session has ended is told so and hung up on. That is a courtesy and carries no secret: a
 * tab that never hears it is refused all the same, at its next request.
 *
 * Nothing is stored. A tab says which session it belongs to by its tag, and which of the others are older by
 * its attachment; both live as long as the connection, also while the object sleeps.
 */
import { ok, refuse } from '../../platform/refusal.ts'
import type { Result } from '../../platform/refusal.ts'
import type { EndCause, SessionId } from './session.ts'

/** Close codes of our own (RFC 6455 §7.4.2), for the browser script. */
export const SIGNED_OUT = 4001
export const TOO_MANY_TABS = 4002
/** RFC 6455 §7.4.1, policy violation: a tab has nothing to say but `ping`. */
const NOT_ASKED = 1008

/** One more, and the oldest is hung up on. */
export const MOST_TABS_OF_SESSION = 30
export const MOST_TABS_OF_USER = 300
/** With those that were hung up on and do not hang up themselves; beyond it nobody is let in. */
export const MOST_CONNECTIONS = 2 * MOST_TABS_OF_USER

/** What a tab is told. `reason` is left out where the rows do not say any more why the session ended. */
export interface SignedOutNotice {
  readonly type: 'signed_out'
  readonly reason: EndCause | undefined
}

interface Tab {
  readonly socket: WebSocket
  readonly sid: SessionId
  /** Counts up: the lower, the older. */
  readonly number: number
}

export class OpenTabs {
  readonly #state: DurableObjectState

  constructor(state: DurableObjectState) {
    this.#state = state
    // Answered by the platform: a heartbeat does not wake the object.
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'))
  }

  /** Takes a tab of a session that was found live in this very turn; the answer is the client's end. */
  accept(sid: SessionId): Result<WebSocket, 'too_many_tabs'> {
    if (this.#state.getWebSockets().length >= MOST_CONNECTIONS) return refuse('too_many_tabs')
    const tabs = this.#tabs()
    hangUpOldest(
      tabs.filter((tab) => tab.sid === sid),
      MOST_TABS_OF_SESSION - 1,
    )
    hangUpOldest(this.#tabs(), MOST_TABS_OF_USER - 1)
    const { 0: client, 1: server } = new WebSocketPair()
    this.#state.acceptWebSocket(server, [sid])
    server.serializeAttachment(Math.max(0, ...tabs.map(({ number }) => number)) + 1)
    return ok(client)
  }

  /**
   * Tells the tabs of ended sessions, and only those. `findEnd` says of a session whether it has ended, and
   * why. What is sent here leaves the object once the rows that `findEnd` has read are on disk.
   */
  tell(findEnd: (sid: SessionId) => { readonly cause: EndCause | undefined } | undefined): void {
    const tabs = this.#tabs()
    const ends = new Map([...new Set(tabs.map(({ sid }) => sid))].map((sid) => [sid, findEnd(sid)]))
    for (const { socket, sid } of tabs) {
      const end = ends.get(sid)
      if (end === undefined) continue
      const notice: SignedOutNotice = { type: 'signed_out', reason: end.cause }
      hangUp(socket, SIGNED_OUT, JSON.stringify(notice))
    }
  }

  /** A tab that talks is not ours; it is not to keep the object awake. */
  silence(socket: WebSocket): void {
    hangUp(socket, NOT_ASKED)
  }

  /** Those that nobody has hung up on yet, the oldest first. */
  #tabs(): Tab[] {
    return this.#state
      .getWebSockets()
      .filter(({ readyState }) => readyState === WebSocket.READY_STATE_OPEN)
      .map((socket) => ({
        socket,
        sid: this.#state.getTags(socket)[0] as SessionId,
        number: socket.deserializeAttachment() as number,
      }))
      .toSorted((a, b) => a.number - b.number)
  }
}

const hangUpOldest = (tabs: readonly Tab[], most: number): void =>
  tabs
    .slice(0, Math.max(0, tabs.length - most))
    .forEach(({ socket }) => hangUp(socket, TOO_MANY_TABS))

/** One connection that has broken meanwhile does not keep the others from being told. */
function hangUp(socket: WebSocket, code: number, lastWords?: string): void {
  try {
    if (lastWords !== undefined) socket.send(lastWords)
    socket.close(code)
  } catch {
    // It is gone, which is what was wanted.
  }
}
