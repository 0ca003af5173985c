/**
 * How long a signing key stays in each state, and how long copies of the public keys are believed. The
 * numbers hang together: a key must be known everywhere before it signs, and stay known until the last
 * token that it signed has expired.
 */

/** A client keeps our JWKS this long (`Cache-Control: max-age` of `/.well-known/jwks.json`). */
export const JWKS_MAX_AGE_SECONDS = 300

/** The longest life of an access token, whatever the configuration says. */
export const LONGEST_ACCESS_TOKEN_SECONDS = 300

/** An isolate trusts its own copy of the record, and of the signing key, this long. */
export const MEMORY_SECONDS = 30

/** Workers KV: the shortest `cacheTtl` it takes; how long one location may serve the same copy. */
export const KV_CACHE_SECONDS = 30

/**
 * When neither KV nor the object answers, a copy this old still serves: no access token lives longer, so
 * nothing is accepted that the same outage would not have let through anyway.
 */
export const STALE_MEMORY_SECONDS = LONGEST_ACCESS_TOKEN_SECONDS

/** After a refresh that failed, the copy in memory serves this long before the next one is tried. */
export const REFRESH_PAUSE_SECONDS = 5

/** Unknown key ids may come from anybody: at most one refresh per isolate in this time is their doing. */
export const FORCED_REFRESH_PAUSE_SECONDS = 30

/** A new key begins to sign this long after the previous one did. */
export const ROTATION_SECONDS = 30 * 24 * 3600

/**
 * A key is public at least this long before it signs. The longest chain of copies is a client's
 * (JWKS_MAX_AGE_SECONDS, some keep 600 s), behind an isolate's and KV's (60 s or more): an hour is ample.
 * Between rotations the next key is always public already, so a compromise needs no waiting either.
 */
export const ANNOUNCED_SECONDS = 3600

/**
 * A key stays public this long after it stopped signing: isolates that still hold it (MEMORY_SECONDS, in an
 * outage STALE_MEMORY_SECONDS), the life of the last token, and the same copies as above; a day, because ID
 * tokens come back as `id_token_hint`.
 */
export const RETIRING_SECONDS = 24 * 3600

/**
 * KV forgets the published record after this time unless the object writes it again, and a reader that
 * finds none asks the object. So a compromise that KV would not take is bounded too.
 */
export const PUBLISHED_SECONDS = 900

/** The key ring's alarm: looks for due transitions and writes the record again. */
export const HEARTBEAT_SECONDS = 600

/** A record that KV did not take is tried again after this time. */
export const PUBLISH_RETRY_SECONDS = 10
