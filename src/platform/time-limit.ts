/** What became of a piece of work within its time. */
export type Timely<Value> =
  | { readonly isLate: false; readonly value: Value }
  | { readonly isLate: true }

/**
 * Waits for `work`, but no longer than `milliseconds`. Late work goes on unheard; a rejection in time is
 * the caller's.
 */
export async function within<Value>(
  milliseconds: number,
  work: PromiseLike<Value>,
): Promise<Timely<Value>> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<Timely<Value>>((resolve) => {
    timer = setTimeout(() => resolve({ isLate: true }), milliseconds)
  })
  try {
    return await Promise.race([
      Promise.resolve(work).then((value) => ({ isLate: false as const, value })),
      late,
    ])
  } finally {
    clearTimeout(timer)
  }
}
