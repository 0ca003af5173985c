import { describe, expect, it } from 'vitest'
import { createAskedSignIns } from '../../../src/core/identity-providers/asked-sign-in.ts'
import type { AskedSignIn } from '../../../src/core/identity-providers/asked-sign-in.ts'
import { createSeal } from '../../../src/platform/seal.ts'
import { tampered } from '../../world/tampered.ts'

const KEY = 'k'.repeat(32)
const signIns = createAskedSignIns([KEY])
const NOW = 1000
const asked: AskedSignIn = {
  request: { prompt: 'login', loginHint: 'alice@example.org' },
  returnTo: '/oauth/authorize?client_id=shop',
  asker: { name: 'Shop', cancelHref: '/oauth/authorize/cancel?client_id=shop' },
  mayContinue: false,
  expiresAt: NOW + 10,
}

describe('a sign-in that an application asks for', () => {
  it('travels sealed, and is read by us alone until its time', async () => {
    const sealed = await signIns.seal(asked)
    expect(sealed).not.toContain('alice')
    expect(await signIns.unseal(sealed, NOW)).toEqual(asked)
    expect(await signIns.unseal(sealed, NOW + 9)).toEqual(asked)
    expect(await signIns.unseal(sealed, NOW + 10)).toBeUndefined()
    expect(await createAskedSignIns(['x'.repeat(32), KEY]).unseal(sealed, NOW)).toEqual(asked)
  })

  it('is nothing when it was changed, or sealed by others, for other purposes, or of another form', async () => {
    const sealed = await signIns.seal(asked)
    const others = [
      undefined,
      '',
      'x',
      sealed.slice(0, -1),
      tampered(sealed),
      'a'.repeat(100_000),
      await createAskedSignIns(['x'.repeat(32)]).seal(asked),
      await createSeal([KEY], 'state').seal(asked),
      await createSeal([KEY], 'asked-sign-in').seal('text'),
    ]
    for (const other of others) expect(await signIns.unseal(other, NOW)).toBeUndefined()
  })
})
