import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  clearSessionCookie,
  readSessionCookie,
  sessionCookieName,
  setSessionCookie,
} from '../../../src/core/sessions/session-cookie.ts'
import { configFor } from '../../world/config.ts'

const https = configFor()
const http = configFor({ issuer: 'http://localhost:8787', isHttps: false })
const NAME = '__Host-drawbridge_session'

describe('the session cookie as it is set', () => {
  it('has the protected name and every attribute on https', () => {
    expect(setSessionCookie('s_value', https)).toBe(
      `${NAME}=s_value; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax`,
    )
  })

  it('has the plain name and no Secure only where the issuer is http', () => {
    expect(setSessionCookie('s_value', http)).toBe(
      'drawbridge_session=s_value; Max-Age=43200; Path=/; HttpOnly; SameSite=Lax',
    )
  })

  it('never names a domain', () => {
    for (const config of [https, http]) {
      expect(setSessionCookie('v', config) + clearSessionCookie(config)).not.toMatch(/domain/i)
    }
  })

  it('is cleared under the same name and attributes, at once', () => {
    expect(clearSessionCookie(https)).toBe(
      `${NAME}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax`,
    )
  })
})

describe('the session cookie as it is read', () => {
  const read = (header: string | undefined) => readSessionCookie(header, https)

  it('is found first, last and between others', () => {
    for (const header of [
      `${NAME}=v`,
      `${NAME}=v; a=b`,
      `a=b; ${NAME}=v`,
      `a=b; ${NAME}=v; c=d`,
      `a=b;${NAME}=v;c=d`,
      `a; =; ;; ${NAME}=v`,
    ]) {
      expect(read(header), header).toBe('v')
    }
  })

  it('is none without a header, without the name and without a value', () => {
    for (const header of [undefined, '', ';', 'a=b', NAME, `${NAME}=`, `${NAME}=; a=b`]) {
      expect(read(header)).toBeUndefined()
    }
  })

  it('is none when the name comes twice, in whatever order and with whatever value', () => {
    expect(read(`${NAME}=v; ${NAME}=w`)).toBeUndefined()
    expect(read(`${NAME}=v; ${NAME}=v`)).toBeUndefined()
    expect(read(`${NAME}=; ${NAME}=v`)).toBeUndefined()
  })

  it.each([
    `\u00A0${NAME}=v`,
    `\t${NAME}=v`,
    `\v${NAME}=v`,
    `\uFEFF${NAME}=v`,
    `a=b;  ${NAME}=v`,
    `a=b; \u00A0${NAME}=v`,
    `"${NAME}"=v`,
    `"${NAME}=v"`,
    `$Version=1, ${NAME}=v`,
    `$Version="1"; $${NAME}=v`,
    `${NAME} =v`,
    `${NAME}\u00A0=v`,
    `${NAME}%20=v`,
    `%5F%5FHost-drawbridge_session=v`,
    `__Host%2Ddrawbridge_session=v`,
    `__host-drawbridge_session=v`,
    `__HOST-drawbridge_session=v`,
    `drawbridge_session=v`,
    `=${NAME}=v`,
    `a="; ${NAME.slice(1)}=v"`,
    `${NAME}x=v`,
    `x${NAME}=v`,
    `a=b, ${NAME}=v`,
  ])('is not found under a name that only resembles it: %j', (header) => {
    expect(read(header)).toBeUndefined()
  })

  it('keeps the value byte for byte', () => {
    expect(read(`${NAME}="v"`)).toBe('"v"')
    expect(read(`${NAME}=%73_v`)).toBe('%73_v')
    expect(read(`${NAME}=a=b`)).toBe('a=b')
  })

  it('is none when it is longer than 4 KB', () => {
    expect(read(`${NAME}=${'v'.repeat(4096)}`)).toHaveLength(4096)
    expect(read(`${NAME}=${'v'.repeat(4097)}`)).toBeUndefined()
  })

  it('survives any header, and never finds a value that does not follow the exact name', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(NAME, '=', ';', '; ', '%E0%A4%A', '\u00A0', '"'),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 500, size: 'max' }), (pieces) => {
        const header = pieces.join('')
        const value = read(header)
        if (value !== undefined) expect(header).toContain(`${NAME}=${value}`)
      }),
    )
  })

  it('uses the plain name on http, and there only', () => {
    expect(sessionCookieName(http)).toBe('drawbridge_session')
    expect(readSessionCookie('drawbridge_session=v', http)).toBe('v')
    expect(readSessionCookie(`${NAME}=v`, http)).toBeUndefined()
  })
})
