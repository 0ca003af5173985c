/** Seconds since 1970-01-01T00:00:00Z, whole. Every `…At` in this code base is one. */
export type EpochSeconds = number

/** Where "now" comes from. Rules take `now` as an argument; only routes and alarms ask a clock. */
export type Clock = () => EpochSeconds

export const systemClock: Clock = () => Math.floor(Date.now() / 1000)

/**
 * Milliseconds since the epoch: for measuring a duration, and for what must be told apart within a second
 * (the start of a session, a mass cut-off).
 */
export const milliseconds = (): number => Date.now()
