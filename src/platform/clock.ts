/** Seconds since 1970-01-01T00:00:00Z, whole. Every `…At` in this code base is one. */
export type EpochSeconds = number

/** Where "now" comes from. Rules take `now` as an argument; only routes and alarms ask a clock. */
export type Clock = () => EpochSeconds

export const systemClock: Clock = () => Math.floor(Date.now() / 1000)

/**
 * Milliseconds since 1970-01-01T00:00:00Z, for one question only: which of two things of one second came
 * first. What is stored of it says so in its name.
 */
export const epochMilliseconds = (): number => Date.now()

/** Monotonic-enough milliseconds for measuring a duration; never for deciding anything. */
export const milliseconds = (): number => Date.now()
