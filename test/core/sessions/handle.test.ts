import fc from 'fast-check'
import { base64url } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  createHandleAuthenticator,
  mintHandle,
  parseHandle,
} from '../../../src/core/sessions/handle.ts'
import type { HandleKind } from '../../../src/core/sessions/handle.ts'
import { newSessionId, newUserId } from '../../../src/core/sessions/session.ts'
import { sha256Base64url } from '../../../src/platform/digest.ts'
import { toHex } from '../../../src/platform/random.ts'

const OLD_KEY = 'an-older-handle-key-0123456789-0123456789'
const NEW_KEY = 'a-newer-handle-key-0123456789-0123456789'
const authenticator = createHandleAuthenticator([NEW_KEY, OLD_KEY])
const KINDS: readonly HandleKind[] = ['s', 'c', 'r', 'd', 't']
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const target = () => ({ userId: newUserId(), reference: newSessionId() })

describe('a handle', () => {
  it('leads back to its user, its row and the hash of its secret', async () => {
    const aim = target()
    const { handle, secretHash } = await mintHandle(authenticator, 's', aim)
    expect(await parseHandle(authenticator, 's', handle)).toEqual({
      ok: true,
      value: { ...aim, secretHash },
    })
  })

  it('carries 256 bits of secret, which differ each time', async () => {
    const aim = target()
    const minted = await Promise.all(
      Array.from({ length: 50 }, () => mintHandle(authenticator, 's', aim)),
    )
    expect(new Set(minted.map(({ secretHash }) => secretHash)).size).toBe(50)
    const { handle, secretHash } = minted[0]!
    const bytes = new Uint8Array(base64url.decode(handle.slice(2)))
    expect(await sha256Base64url(bytes.slice(32, 64))).toBe(secretHash)
  })

  it('is refused when any single character differs', async () => {
    const { handle } = await mintHandle(authenticator, 's', target())
    await fc.assert(
      fc.asyncProperty(
        fc.nat(handle.length - 1),
        fc.constantFrom(...Array.from(ALPHABET), '=', '+', '/', ' ', '.', 'é', '\0'),
        async (at, character) => {
          fc.pre(handle[at] !== character)
          const changed = handle.slice(0, at) + character + handle.slice(at + 1)
          expect((await parseHandle(authenticator, 's', changed)).ok).toBe(false)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('has one spelling only: no other last character stands for the same bytes', async () => {
    const { handle } = await mintHandle(authenticator, 's', target())
    const accepted: string[] = []
    for (const last of ALPHABET) {
      const spelling = handle.slice(0, -1) + last
      if ((await parseHandle(authenticator, 's', spelling)).ok) accepted.push(spelling)
    }
    expect(accepted).toEqual([handle])
  })

  it('is refused when it is shorter, longer, padded, quoted or encoded', async () => {
    const { handle } = await mintHandle(authenticator, 's', target())
    const variants = [
      '',
      's',
      's_',
      handle.slice(0, -1),
      handle.slice(0, -4),
      `${handle}A`,
      `${handle}AAAA`,
      `${handle}=`,
      `${handle}\n`,
      ` ${handle}`,
      `"${handle}"`,
      handle.slice(2),
      `S${handle.slice(1)}`,
      encodeURIComponent(`${handle}%`),
      handle.replace('_', '%5F'),
      `s_${'A'.repeat(128)}`,
      `s_${'A'.repeat(100_000)}`,
      `__proto__`,
      `s_' OR 1=1 --`,
    ]
    for (const variant of variants) {
      expect((await parseHandle(authenticator, 's', variant)).ok, variant.slice(0, 40)).toBe(false)
    }
  })

  it('is never taken as another kind, nor after its kind was rewritten', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...KINDS),
        fc.constantFrom(...KINDS),
        async (minted, presented) => {
          fc.pre(minted !== presented)
          const { handle } = await mintHandle(authenticator, minted, target())
          expect((await parseHandle(authenticator, presented, handle)).ok).toBe(false)
          const rewritten = presented + handle.slice(1)
          expect(await parseHandle(authenticator, presented, rewritten)).toMatchObject({
            ok: false,
            refusal: { code: 'forged' },
          })
        },
      ),
    )
  })

  it('of two halves of good handles is refused', async () => {
    const [one, other] = [
      await mintHandle(authenticator, 's', target()),
      await mintHandle(authenticator, 's', target()),
    ]
    // Halves long enough that chance does not make the spliced handle one of the two.
    for (let at = 20; at < one.handle.length - 20; at += 5) {
      const spliced = one.handle.slice(0, at) + other.handle.slice(at)
      expect((await parseHandle(authenticator, 's', spliced)).ok).toBe(false)
    }
  })
})

describe('what a handle shows to those who cannot read it', () => {
  const bytesOf = (handle: string) => new Uint8Array(base64url.decode(handle.slice(2)))

  it('is nothing that two handles of one user, or of one row, have in common', async () => {
    const { userId, reference } = target()
    const bodies: Uint8Array[] = []
    for (let n = 0; n < 400; n += 1) {
      const kind = KINDS[n % KINDS.length]!
      bodies.push(bytesOf((await mintHandle(authenticator, kind, { userId, reference })).handle))
    }
    // Of 400 random bytes in one place, some 202 are different; far fewer would be a pattern.
    for (let at = 0; at < 96; at += 1) {
      const values = new Set(bodies.map((body) => body[at]))
      expect(values.size, `byte ${at}`).toBeGreaterThan(160)
    }
    // Nor does the difference of two handles tell: it is as random as they are.
    const differences = bodies.slice(1).map((body, n) => body[0]! ^ bodies[n]![0]!)
    expect(new Set(differences).size).toBeGreaterThan(160)
  })

  it('is neither the user nor the row, in any place', async () => {
    const aim = target()
    const { handle } = await mintHandle(authenticator, 'c', aim)
    const shown = toHex(bytesOf(handle))
    for (const hidden of [aim.userId, aim.reference]) {
      for (let at = 0; at + 8 <= hidden.length; at += 8) {
        expect(shown).not.toContain(hidden.slice(at, at + 8))
      }
    }
  })

  it('is another thing for each kind, also where the secret is the same', async () => {
    const { handle } = await mintHandle(authenticator, 'c', target())
    // The code covers what is masked: to put the body under another kind is forgery.
    for (const kind of KINDS.filter((other) => other !== 'c')) {
      expect(await parseHandle(authenticator, kind, kind + handle.slice(1))).toMatchObject({
        refusal: { code: 'forged' },
      })
    }
  })
})

describe('rotation of HANDLE_KEY', () => {
  it('accepts handles of an older key and mints under the newest', async () => {
    const aim = target()
    const old = await mintHandle(createHandleAuthenticator([OLD_KEY]), 's', aim)
    expect(await parseHandle(authenticator, 's', old.handle)).toEqual({
      ok: true,
      value: { ...aim, secretHash: old.secretHash },
    })
    const fresh = await mintHandle(authenticator, 's', target())
    expect((await parseHandle(createHandleAuthenticator([NEW_KEY]), 's', fresh.handle)).ok).toBe(
      true,
    )
  })

  it('refuses handles of a key that is no longer listed', async () => {
    const { handle } = await mintHandle(createHandleAuthenticator([OLD_KEY]), 's', target())
    const refused = await parseHandle(createHandleAuthenticator([NEW_KEY]), 's', handle)
    expect(refused).toMatchObject({ ok: false, refusal: { code: 'forged' } })
  })
})
