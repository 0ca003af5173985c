import type { EpochSeconds } from '../platform/clock.ts'

/** A moment in UTC; the page's script rewrites it to the person's own time zone. */
export const Moment = ({ at }: { at: EpochSeconds }) => {
  const iso = new Date(at * 1000).toISOString()
  return <time datetime={iso}>{`${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`}</time>
}
