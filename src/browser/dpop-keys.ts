/**
 * The key pair for DPoP, kept in IndexedDB as a CryptoKey: usable by every tab of this origin, readable by
 * none. Undefined where the browser has no such thing to offer (no secure context, storage switched off).
 */
export async function loadDpopKeys(): Promise<CryptoKeyPair | undefined> {
  try {
    const database = await openDatabase()
    const existing = await settled<CryptoKeyPair | undefined>(
      keyStore(database, 'readonly').get('dpop'),
    )
    if (existing !== undefined) return existing
    const made = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'sign',
    ])
    // Another tab may have been quicker. `add` fails if so, and then theirs is the one we use.
    await settled(keyStore(database, 'readwrite').add(made, 'dpop')).catch(() => undefined)
    return await settled<CryptoKeyPair | undefined>(keyStore(database, 'readonly').get('dpop'))
  } catch {
    return undefined
  }
}

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open('drawbridge', 1)
  request.addEventListener('upgradeneeded', () => request.result.createObjectStore('keys'))
  return settled(request)
}

const keyStore = (database: IDBDatabase, mode: IDBTransactionMode) =>
  database.transaction('keys', mode).objectStore('keys')

const settled = <Value>(request: IDBRequest<Value>): Promise<Value> =>
  new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', (event) => {
      // Otherwise a failed `add` would also abort and be reported as an error of the page.
      event.preventDefault()
      reject(request.error ?? new Error('IndexedDB'))
    })
  })
