/** The browser's end of a tab's connection to the gateway. */
export interface OpenTab {
  /** What the gateway has said so far, without the answers to `echo`. */
  readonly messages: unknown[]
  /** Waits until the gateway has hung up; everything that it said, and its close code. */
  end(): Promise<{ readonly messages: readonly unknown[]; readonly closedWith: number }>
  /** Sends a heartbeat and waits for the answer, which comes after everything that was said before it. */
  echo(): Promise<string>
  say(words: string | Uint8Array): void
  hangUp(): void
}

export function listenTo(socket: WebSocket): OpenTab {
  const messages: unknown[] = []
  let heard = ''
  let closedWith: number | undefined
  socket.accept()
  socket.addEventListener('message', ({ data }) => {
    if (data === 'pong') heard = data
    else messages.push(JSON.parse(String(data)))
  })
  socket.addEventListener('close', ({ code }) => {
    closedWith = code
  })
  const until = async (isSo: () => boolean, what: string) => {
    for (let tries = 0; !isSo(); tries += 1) {
      if (tries > 300) throw new Error(`the tab waits in vain for ${what}`)
      await scheduler.wait(10)
    }
  }
  return {
    messages,
    async end() {
      await until(() => closedWith !== undefined, 'the end')
      return { messages, closedWith: closedWith! }
    },
    async echo() {
      heard = ''
      socket.send('ping')
      await until(() => heard !== '', 'the answer')
      return heard
    },
    say: (words) => socket.send(words),
    hangUp: () => socket.close(1000),
  }
}
