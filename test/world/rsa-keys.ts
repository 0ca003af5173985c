/**
 * RSA keys take long to make, and every key ring makes two. So a test that asks the runtime for one is lent one that
 * an earlier test made: of the same kind, and new to this test. What is made outside of a test is nobody else's.
 */
type Generate = (
  algorithm: SubtleCryptoGenerateKeyAlgorithm,
  extractable: boolean,
  usages: string[],
) => Promise<CryptoKeyPair>

const { subtle } = crypto

/** As the runtime makes keys: for those that a test leaves to later ones by name. */
export const makeKey = subtle.generateKey.bind(subtle) as Generate

interface Pool {
  readonly free: CryptoKeyPair[]
  readonly lent: CryptoKeyPair[]
}

/** By all that was asked for. */
const pools = new Map<string, Pool>()
let isInTest = false

const lendKey: Generate = async (algorithm, extractable, usages) => {
  if (!isInTest || algorithm.modulusLength === undefined) {
    return makeKey(algorithm, extractable, usages)
  }
  const kind = JSON.stringify([algorithm, extractable, usages])
  const pool = pools.get(kind) ?? { free: [], lent: [] }
  pools.set(kind, pool)
  const pair = pool.free.pop() ?? (await makeKey(algorithm, extractable, usages))
  pool.lent.push(pair)
  return pair
}

/** A test begins: the keys of those before it are free. */
export function beginToLend(): void {
  for (const { free, lent } of pools.values()) free.push(...lent.splice(0))
  isInTest = true
  subtle.generateKey = lendKey as typeof subtle.generateKey
}

export function endLending(): void {
  isInTest = false
}
