import {
  base64url,
  calculateJwkThumbprint,
  decodeProtectedHeader,
  importJWK,
  jwtVerify,
} from 'jose'
import type { JWK } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { bridgeUrl, Origin } from './browser-stand-in.ts'
import type { Tab } from './browser-stand-in.ts'

let origin: Origin
let tab: Tab

beforeEach(async () => {
  origin = new Origin()
  origin.dpopKeys = (await crypto.subtle.generateKey(
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign'],
  )) as CryptoKeyPair
  tab = origin.openTab()
  tab.drawbridge.configure({ dpop: true })
})

async function readProof(request: Request) {
  const proof = request.headers.get('dpop')!
  const { jwk } = decodeProtectedHeader(proof)
  const { payload, protectedHeader } = await jwtVerify(
    proof,
    await importJWK(jwk as JWK, 'ES256'),
    {
      typ: 'dpop+jwt',
      currentDate: new Date(origin.serverTime * 1000),
    },
  )
  return { payload, header: protectedHeader }
}

describe('RFC 9449 §4.2, the proof', () => {
  it('is signed with the key it shows, of which nothing private is shown', async () => {
    await tab.drawbridge.getToken()
    const { header } = await readProof(origin.requests[0]!)
    expect(header.alg).toBe('ES256')
    expect(Object.keys(header.jwk!).sort()).toEqual(['crv', 'kty', 'x', 'y'])
    expect(await calculateJwkThumbprint(header.jwk as JWK)).toMatch(/^[\w-]{43}$/)
  })

  it('names method and address without query and fragment, and the time', async () => {
    await tab.drawbridge.fetch('https://login.example/api/me?a=b#c', { method: 'POST' })
    const [atBridge, atApi] = await Promise.all(origin.requests.map(readProof))
    expect(atBridge!.payload).toMatchObject({ htm: 'GET', htu: bridgeUrl, iat: origin.serverTime })
    expect(atApi!.payload).toMatchObject({ htm: 'POST', htu: 'https://login.example/api/me' })
    expect(atBridge!.payload).not.toHaveProperty('ath')
  })

  it('carries the hash of the token it goes with (§7), and is never the same twice', async () => {
    await tab.drawbridge.fetch('https://login.example/api/me')
    await tab.drawbridge.fetch('https://login.example/api/me')
    const proofs = await Promise.all(origin.apiRequests.map(readProof))
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(origin.storedToken))
    for (const { payload } of proofs) {
      expect(payload.ath).toBe(base64url.encode(new Uint8Array(hash)))
    }
    expect(new Set(proofs.map(({ payload }) => payload.jti)).size).toBe(2)
    expect(origin.apiRequests[0]!.headers.get('authorization')).toBe(`DPoP ${origin.storedToken}`)
  })

  it('tells the server’s time, whatever the clock here says, once a token has told it', async () => {
    origin.clock -= 7_200_000
    await tab.drawbridge.fetch('https://login.example/api/me')
    const { payload } = await readProof(origin.apiRequests[0]!)
    expect(payload.iat).toBe(origin.serverTime)
  })
})

describe('a proof that is refused', () => {
  it('is made again with the nonce that is asked for (§8)', async () => {
    origin.answerBridge = async (request) => {
      if (origin.bridgeCalls > 1) return origin.bridge(request)
      const headers = { 'dpop-nonce': 'n-1' }
      return Response.json({ error: 'use_dpop_nonce' }, { status: 400, headers })
    }
    expect(await tab.drawbridge.getToken()).toBeDefined()
    expect((await readProof(origin.requests[1]!)).payload.nonce).toBe('n-1')
  })

  it('is made again with the nonce an API asks for (§9), with the token that is good', async () => {
    origin.answerApi = () => {
      if (origin.apiRequests.length > 1) return new Response('ok')
      const headers = { 'dpop-nonce': 'n-2', 'www-authenticate': 'DPoP error="use_dpop_nonce"' }
      return new Response(null, { status: 401, headers })
    }
    expect((await tab.drawbridge.fetch('https://login.example/api/me')).status).toBe(200)
    expect((await readProof(origin.apiRequests[1]!)).payload.nonce).toBe('n-2')
    expect(origin.bridgeCalls).toBe(1)
  })

  it('is made again with the server’s time when the clock here is off', async () => {
    origin.clock -= 7_200_000
    origin.answerBridge = async (request) => {
      if (origin.bridgeCalls > 1) return origin.bridge(request)
      const headers = { date: new Date(origin.serverTime * 1000).toUTCString() }
      return Response.json({ error: 'invalid_dpop_proof' }, { status: 400, headers })
    }
    expect(await tab.drawbridge.getToken()).toBeDefined()
    expect((await readProof(origin.requests[1]!)).payload.iat).toBe(origin.serverTime)
  })

  it('gives way to a token without a key when it keeps being refused', async () => {
    origin.answerBridge = (request) =>
      request.headers.has('dpop')
        ? Response.json({ error: 'invalid_dpop_proof' }, { status: 400 })
        : origin.bridge(request)
    await tab.drawbridge.fetch('https://login.example/api/me')
    expect(origin.bridgeCalls).toBe(3)
    expect(origin.apiRequests[0]!.headers.get('authorization')).toBe(`Bearer ${origin.storedToken}`)
    expect(origin.apiRequests[0]!.headers.has('dpop')).toBe(false)
  })
})

describe('a browser that can keep no key', () => {
  it('uses tokens without one', async () => {
    origin.dpopKeys = undefined
    const poor = origin.openTab()
    poor.drawbridge.configure({ dpop: true })
    await poor.drawbridge.fetch('https://login.example/api/me')
    expect(origin.requests.some(({ headers }) => headers.has('dpop'))).toBe(false)
    expect(origin.apiRequests[0]!.headers.get('authorization')).toBe(`Bearer ${origin.storedToken}`)
  })

  it('or does not answer when asked for it, is not waited for', async () => {
    origin.loadDpopKeys = () => new Promise(() => {})
    const token = tab.drawbridge.getToken()
    await origin.pass(10)
    expect(origin.bridgeCalls).toBe(1)
    expect(await token).toBe(origin.storedToken)
  })

  it('or has kept something else under its name, uses tokens without one', async () => {
    origin.dpopKeys = {} as CryptoKeyPair
    expect(await tab.drawbridge.getToken()).toBe(origin.storedToken)
    expect(origin.requests.some(({ headers }) => headers.has('dpop'))).toBe(false)
  })
})

describe('a page that was not asked to prove anything', () => {
  it('does not use a token that is bound to a key', async () => {
    const bound = await tab.drawbridge.getToken()
    const plain = origin.openTab()
    expect(await plain.drawbridge.getToken()).not.toBe(bound)
    expect(origin.requests.at(-1)!.headers.has('dpop')).toBe(false)
  })
})
