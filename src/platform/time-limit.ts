/**
 * How long a Durable Object, the directory or the queue may take to answer: longer than the platform's own retries;
 * what takes longer is as good as unreachable.
 */
export const OBJECT_WAIT_MILLISECONDS = 10_000

/** What became of a piece of work within its time. */
export type Timely<Value> =
  | { readonly isLate: false; readonly value: Value }
  | { readonly isLate: true }

/**
 * Waits for `work`, but no longer than `milliseconds`. Late work goes on unheard; a rejection in time is
 * the caller's.
 */
export const within = <Value>(
  milliseconds: number,
  work: PromiseLike<Value>,
): Promise<Timely<Value>> =>
  // One promise, where a race would make six: this stands before every call of an object.
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds, { isLate: true })
    work.then(
      (value) => {
        clearTimeout(timer)
        resolve({ isLate: false, value })
      },
      (thrown: unknown) => {
        clearTimeout(timer)
        reject(thrown)
      },
    )
  })

/** The same for whoever takes what is late for what has failed: it throws then. */
export async function inTime<Value>(
  milliseconds: number,
  work: PromiseLike<Value>,
): Promise<Value> {
  const answer = await within(milliseconds, work)
  if (answer.isLate) throw new Error('late')
  return answer.value
}
