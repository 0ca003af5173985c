import { describe, expect, it } from 'vitest'
import { fromWire, toWire, wireName } from '../../src/protocol/wire-names.ts'

describe('a name on the wire', () => {
  it.each([
    ['scope', 'scope'],
    ['redirectUris', 'redirect_uris'],
    ['idTokenSignedResponseAlg', 'id_token_signed_response_alg'],
  ])('of %s is %s, and back', (own, wire) => {
    expect(wireName(own)).toBe(wire)
    expect(toWire({ [own]: 1 })).toEqual({ [wire]: 1 })
    expect(fromWire({ [wire]: 1 })).toEqual({ [own]: 1 })
  })

  it('is given to members alone, and not to what is inside them', () => {
    const { allowed_roles: roles } = toWire({ allowedRoles: { superMod: true } })
    expect(roles).toEqual({ superMod: true })
    expect(fromWire({ jwks: { key_ops: [] } })).toEqual({ jwks: { key_ops: [] } })
  })
})
