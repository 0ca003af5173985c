import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { GrantBinding } from '../../../src/core/sessions/grant.ts'
import { createGrants } from '../../../src/core/sessions/grants.ts'
import { createHandleAuthenticator, mintHandle } from '../../../src/core/sessions/handle.ts'
import { newSessionId, newUserId } from '../../../src/core/sessions/session.ts'
import { freezeClock } from '../../world/clock.ts'
import type { TestClock } from '../../world/clock.ts'
import { settings } from '../../world/settings.ts'
import {
  CHALLENGE,
  CODE_SECONDS,
  family,
  grants,
  HONEST,
  mintCode,
  newGrant,
  OTHER,
  partsOf,
  person,
  REDIRECT_URI,
  REFRESH_SECONDS,
  refused,
  rotate,
  SHOP,
  stands,
  stateOf,
  takeCode,
  valueOf,
} from './granted.ts'
import { ring } from './published-hint.ts'
import {
  ABSOLUTE_SECONDS,
  IDLE_SECONDS,
  rowsOf,
  sessionsOf,
  START,
  TOKEN_SECONDS,
} from './signed-in-user.ts'

const sessions = sessionsOf()
let clock: TestClock

beforeEach(() => {
  clock = freezeClock(START)
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'log').mockImplementation(() => {})
})

describe('an authorization code', () => {
  it('gives what it was minted for, the session, and the first refresh token', async () => {
    const ada = await person(clock.now())
    const { handle, family: gid } = await mintCode(ada)
    expect(handle).toMatch(/^c_[A-Za-z0-9_-]{128}$/)
    expect(gid).toMatch(/^[0-9a-f]{32}$/)
    const taken = valueOf(await takeCode(handle, clock.now()))
    expect(taken).toMatchObject({
      family: gid,
      binding: HONEST,
      content: newGrant().content,
      session: { sid: ada.sid, userId: ada.userId, epoch: ada.session.epoch },
    })
    expect(taken.refreshToken).toMatch(/^r_[A-Za-z0-9_-]{128}$/)
  })

  it('notes in the same transaction that the application takes part', async () => {
    const ada = await person(clock.now())
    const { handle } = await mintCode(ada)
    expect(await rowsOf(ada.userId, 'SELECT * FROM participants')).toEqual([])
    await takeCode(handle, clock.now())
    expect(await rowsOf(ada.userId, 'SELECT * FROM participants')).toMatchObject([
      {
        sid: ada.sid,
        application_id: SHOP,
        subject: 'subject-of-shop',
        client_sid: ada.sid.split('').toReversed().join(''),
        scope: 'openid email',
        first_at: START,
        last_at: START,
        ended_at: null,
      },
    ])
  })

  it('gives no refresh token where none was asked for', async () => {
    const { handle } = await mintCode(await person(clock.now()))
    const taken = await grants.take({
      kind: 'authorization_code',
      handle,
      presented: HONEST,
      participation: { applicationId: SHOP, subject: 's', clientSid: 'c' },
      now: clock.now(),
    })
    expect(taken.ok && 'refreshToken' in taken.value).toBe(false)
  })

  it('taken again revokes all that it gave: refresh tokens and access tokens (C14)', async () => {
    const ada = await person(clock.now())
    const { handle, family: gid } = await mintCode(ada)
    const first = valueOf(await takeCode(handle, clock.now()))
    expect(await stands(ada, gid)).toBe(true)
    clock.advance(30)
    expect(await takeCode(handle, clock.now())).toMatchObject(refused('reused'))
    expect(await stands(ada, gid)).toBe(false)
    expect(await rotate(first.refreshToken!, clock.now())).toMatchObject(refused('unknown'))
    // The session itself, and what else came from it, goes on.
    expect(await stands(ada, 'f'.repeat(32))).toBe(true)
    expect((await sessions.use(ada.cookie, clock.now())).ok).toBe(true)
  })

  it('taken again long after its own time revokes what it gave, as long as that lives', async () => {
    const ada = await person(clock.now())
    const { handle, family: gid } = await mintCode(ada)
    let token = valueOf(await takeCode(handle, clock.now())).refreshToken!
    for (let n = 0; n < 5; n += 1) {
      clock.advance(IDLE_SECONDS - 1)
      token = valueOf(await rotate(token, clock.now())).refreshToken
    }
    expect(await takeCode(handle, clock.now())).toMatchObject(refused('reused'))
    expect(await rotate(token, clock.now())).toMatchObject(refused('unknown'))
    expect(await stands(ada, gid)).toBe(false)
  })

  it('taken again revokes its access tokens also where it gave no refresh token', async () => {
    const ada = await person(clock.now())
    const { handle, family: gid } = await mintCode(ada)
    const take = () =>
      grants.take({
        kind: 'authorization_code',
        handle,
        presented: HONEST,
        participation: { applicationId: SHOP, subject: 's', clientSid: 'c' },
        now: clock.now(),
      })
    expect((await take()).ok).toBe(true)
    clock.advance(CODE_SECONDS + 1)
    await ring(ada.userId)
    expect(await take()).toMatchObject(refused('reused'))
    expect(await stands(ada, gid)).toBe(false)
  })

  it('is refused a second after its 60, by anybody’s clean-up or none', async () => {
    const ada = await person(clock.now())
    const { handle } = await mintCode(ada)
    clock.advance(CODE_SECONDS - 1)
    expect((await grants.peek('authorization_code', handle, clock.now())).ok).toBe(true)
    clock.advance(1)
    expect(await takeCode(handle, clock.now())).toMatchObject(refused('expired'))
    clock.advance(1)
    expect(await takeCode(handle, clock.now())).toMatchObject(refused('expired'))
  })

  it.each<[string, GrantBinding]>([
    ['another application', { ...HONEST, applicationId: OTHER }],
    ['another redirect URI', { ...HONEST, redirectUri: `${REDIRECT_URI}/` }],
    ['no redirect URI', { applicationId: SHOP, codeChallenge: CHALLENGE }],
    ['another application without a proof', { applicationId: OTHER, redirectUri: REDIRECT_URI }],
  ])('presented with %s changes nothing, and the rightful one still takes it', async (_, by) => {
    const ada = await person(clock.now())
    const { handle } = await mintCode(ada)
    const before = await stateOf(ada.userId)
    expect(await takeCode(handle, clock.now(), by)).toMatchObject(refused('not_bound'))
    expect(await stateOf(ada.userId)).toEqual(before)
    expect((await takeCode(handle, clock.now())).ok).toBe(true)
  })

  it('that names no redirect URI is refused with one', async () => {
    const ada = await person(clock.now())
    const binding = { applicationId: SHOP, codeChallenge: CHALLENGE }
    const { handle } = await mintCode(ada, { binding })
    expect(await takeCode(handle, clock.now())).toMatchObject(refused('not_bound'))
    expect((await takeCode(handle, clock.now(), binding)).ok).toBe(true)
  })

  it.each<[string, GrantBinding, GrantBinding]>([
    ['the wrong verifier', HONEST, { ...HONEST, codeChallenge: 'A'.repeat(43) }],
    ['no verifier', HONEST, { applicationId: SHOP, redirectUri: REDIRECT_URI }],
    [
      'a verifier that nobody asked for',
      { applicationId: SHOP, redirectUri: REDIRECT_URI },
      HONEST,
    ],
    ['no DPoP key', { ...HONEST, jkt: 'k1' }, HONEST],
    ['the wrong DPoP key', { ...HONEST, jkt: 'k1' }, { ...HONEST, jkt: 'k2' }],
  ])('dies of %s', async (_, binding, by) => {
    const ada = await person(clock.now())
    const { handle } = await mintCode(ada, { binding })
    expect(await takeCode(handle, clock.now(), by)).toMatchObject(refused('wrong_proof'))
    expect(await takeCode(handle, clock.now(), binding)).toMatchObject(refused('unknown'))
    expect(await rowsOf(ada.userId, 'SELECT * FROM grants')).toEqual([])
  })

  it('presented after it was spent, by another application, revokes nothing', async () => {
    const ada = await person(clock.now())
    const { handle, family: gid } = await mintCode(ada)
    const { refreshToken } = valueOf(await takeCode(handle, clock.now()))
    const thief = { ...HONEST, applicationId: OTHER }
    expect(await takeCode(handle, clock.now(), thief)).toMatchObject(refused('not_bound'))
    expect(await stands(ada, gid)).toBe(true)
    expect((await rotate(refreshToken!, clock.now())).ok).toBe(true)
  })

  it('made up under our key with the right row and a wrong secret is unknown, and the grant unharmed', async () => {
    const ada = await person(clock.now())
    const { handle } = await mintCode(ada)
    const [row] = await rowsOf(ada.userId, 'SELECT id FROM grants')
    const ours = createHandleAuthenticator([settings.HANDLE_KEY])
    const reference = `${String(row?.id)}00000000`
    const before = await stateOf(ada.userId)
    for (const kind of ['c', 'd'] as const) {
      const guess = await mintHandle(ours, kind, { userId: ada.userId, reference })
      const named = kind === 'c' ? 'authorization_code' : 'device_code'
      expect(await grants.peek(named, guess.handle, clock.now())).toMatchObject(refused('unknown'))
    }
    const guess = await mintHandle(ours, 'c', { userId: ada.userId, reference })
    expect(await takeCode(guess.handle, clock.now())).toMatchObject(refused('unknown'))
    expect(await stateOf(ada.userId)).toEqual(before)
    expect((await takeCode(handle, clock.now())).ok).toBe(true)
  })

  it('that nobody of ours made touches no object', async () => {
    const asked = vi.spyOn(env.USER_SESSIONS, 'getByName')
    const foreign = createHandleAuthenticator(['another-handle-key-0123456789-0123456789'])
    const reference = newSessionId()
    const { handle } = await mintHandle(foreign, 'c', { userId: newUserId(), reference })
    const ours = createHandleAuthenticator([settings.HANDLE_KEY])
    const ofAnotherKind = await mintHandle(ours, 'r', { userId: newUserId(), reference })
    for (const made of [handle, ofAnotherKind.handle, '', 'c_', `c_${'A'.repeat(128)}`]) {
      expect(await takeCode(made, clock.now())).toMatchObject(refused('malformed'))
    }
    expect(asked).not.toHaveBeenCalled()
  })

  it('is shown by a look at it, which changes nothing', async () => {
    const ada = await person(clock.now())
    const { handle, family: gid } = await mintCode(ada)
    const before = await stateOf(ada.userId)
    const look = () => grants.peek('authorization_code', handle, clock.now())
    expect(await look()).toMatchObject({
      value: { family: gid, binding: HONEST, session: { sid: ada.sid }, isSpent: false },
    })
    expect(await stateOf(ada.userId)).toEqual(before)
    await takeCode(handle, clock.now())
    const after = await stateOf(ada.userId)
    expect(await look()).toMatchObject({ ok: true, value: { isSpent: true } })
    expect(await stateOf(ada.userId)).toEqual(after)
  })
})

describe('a refresh token', () => {
  it('gives one successor, and is worth nothing from then on', async () => {
    const ada = await person(clock.now())
    const { refreshToken, family: gid } = await family(ada)
    const second = valueOf(await rotate(refreshToken, clock.now()))
    expect(second).toMatchObject({ family: gid, content: newGrant().content })
    expect(second.refreshToken).not.toBe(refreshToken)
    clock.advance(11)
    expect((await rotate(second.refreshToken, clock.now())).ok).toBe(true)
    expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('reused'))
    expect(await stands(ada, gid)).toBe(false)
  })

  it('gives the same successor again for ten seconds, and revokes the family in the eleventh', async () => {
    const ada = await person(clock.now())
    const { refreshToken, family: gid } = await family(ada)
    const { refreshToken: successor } = valueOf(await rotate(refreshToken, clock.now()))
    for (let second = 0; second < 10; second += 1) {
      clock.advance(1)
      expect(valueOf(await rotate(refreshToken, clock.now())).refreshToken).toBe(successor)
    }
    expect(await stands(ada, gid)).toBe(true)
    clock.advance(1)
    expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('reused'))
    expect(await rotate(successor, clock.now())).toMatchObject(refused('unknown'))
    expect(await stands(ada, gid)).toBe(false)
  })

  it('gives the same successor to a request that set out before the one that took it', async () => {
    const ada = await person(clock.now())
    const { refreshToken, family: gid } = await family(ada)
    const setOutAt = clock.now()
    clock.advance(1)
    const { refreshToken: successor } = valueOf(await rotate(refreshToken, clock.now()))
    expect(valueOf(await rotate(refreshToken, setOutAt)).refreshToken).toBe(successor)
    expect(await stands(ada, gid)).toBe(true)
  })

  it('is no longer given again once its successor has been used', async () => {
    const ada = await person(clock.now())
    const { refreshToken, family: gid } = await family(ada)
    const second = valueOf(await rotate(refreshToken, clock.now()))
    const third = valueOf(await rotate(second.refreshToken, clock.now()))
    // The one before is the one that may be repeated.
    expect(valueOf(await rotate(second.refreshToken, clock.now())).refreshToken).toBe(
      third.refreshToken,
    )
    expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('reused'))
    expect(await rotate(third.refreshToken, clock.now())).toMatchObject(refused('unknown'))
    expect(await stands(ada, gid)).toBe(false)
  })

  it('of another device is another family', async () => {
    const ada = await person(clock.now())
    const [phone, laptop] = [await family(ada), await family(ada)]
    valueOf(await rotate(phone.refreshToken, clock.now()))
    clock.advance(11)
    expect(await rotate(phone.refreshToken, clock.now())).toMatchObject(refused('reused'))
    expect((await rotate(laptop.refreshToken, clock.now())).ok).toBe(true)
    expect(await stands(ada, laptop.family)).toBe(true)
  })

  it('presented by another application changes nothing', async () => {
    const ada = await person(clock.now())
    const { refreshToken } = await family(ada)
    const before = await stateOf(ada.userId)
    expect(await rotate(refreshToken, clock.now(), { applicationId: OTHER })).toMatchObject(
      refused('not_bound'),
    )
    expect(await stateOf(ada.userId)).toEqual(before)
    expect((await rotate(refreshToken, clock.now())).ok).toBe(true)
  })

  it('of a public client with a key is bound to it, and a wrong key changes nothing', async () => {
    const ada = await person(clock.now())
    const { handle } = await mintCode(ada)
    const by = { ...HONEST, jkt: 'k1' }
    const { refreshToken } = valueOf(
      await grants.take({
        kind: 'authorization_code',
        handle,
        presented: by,
        participation: { applicationId: SHOP, subject: 's', clientSid: 'c' },
        refresh: { lifetimeSeconds: REFRESH_SECONDS, isKeyBound: true },
        now: clock.now(),
      }),
    )
    const before = await stateOf(ada.userId)
    for (const jkt of [undefined, 'k2']) {
      const wrong = { applicationId: SHOP, ...(jkt && { jkt }) }
      expect(await rotate(refreshToken!, clock.now(), wrong)).toMatchObject(refused('wrong_proof'))
    }
    expect(await stateOf(ada.userId)).toEqual(before)
    const right = { applicationId: SHOP, jkt: 'k1' }
    const { refreshToken: next } = valueOf(await rotate(refreshToken!, clock.now(), right))
    // Its successor is bound as well, and a retry is asked for the key too.
    expect(await rotate(next, clock.now(), { applicationId: SHOP })).toMatchObject(
      refused('wrong_proof'),
    )
    expect(await rotate(refreshToken!, clock.now(), { applicationId: SHOP })).toMatchObject(
      refused('wrong_proof'),
    )
    expect((await rotate(next, clock.now(), right)).ok).toBe(true)
  })

  it('is a use of the session, and ends with it at the latest', async () => {
    const ada = await person(clock.now())
    let { refreshToken: token } = await family(ada)
    while (clock.now() + IDLE_SECONDS - 1 < START + ABSOLUTE_SECONDS) {
      clock.advance(IDLE_SECONDS - 1)
      token = valueOf(await rotate(token, clock.now())).refreshToken
    }
    clock.advance(START + ABSOLUTE_SECONDS - clock.now() - 1)
    const last = valueOf(await rotate(token, clock.now()))
    expect(last.session.absoluteDeadlineAt).toBe(START + ABSOLUTE_SECONDS)
    clock.advance(1)
    expect(await rotate(last.refreshToken, clock.now())).toMatchObject(refused('no_session'))
  })

  it('is refused once its session has been left alone too long', async () => {
    const ada = await person(clock.now())
    const { refreshToken } = await family(ada)
    clock.advance(IDLE_SECONDS)
    expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('no_session'))
    expect(await rowsOf(ada.userId, 'SELECT end_cause FROM sessions')).toEqual([
      { end_cause: 'idle_deadline' },
    ])
  })

  it('has its own time, if that is shorter', async () => {
    const ada = await person(clock.now())
    const { refreshToken } = await family(ada)
    const short = { presented: { applicationId: SHOP }, lifetimeSeconds: 20 }
    const next = valueOf(
      await grants.rotate({ handle: refreshToken, now: clock.now(), ...short }),
    ).refreshToken
    clock.advance(20)
    expect(await rotate(next, clock.now())).toMatchObject(refused('expired'))
  })

  it('leaves nothing in storage that a reader could present', async () => {
    const ada = await person(clock.now())
    const { handle } = await mintCode(ada)
    const first = valueOf(await takeCode(handle, clock.now())).refreshToken!
    const { refreshToken: second } = valueOf(await rotate(first, clock.now()))
    const dump = JSON.stringify(await stateOf(ada.userId))
    for (const secret of [handle, first, second]) {
      for (let at = 2; at + 16 <= secret.length; at += 16) {
        expect(dump).not.toContain(secret.slice(at, at + 16))
      }
    }
  })

  it('that lost its successor to a change of HANDLE_KEY is not answered with another', async () => {
    const ada = await person(clock.now())
    const { refreshToken } = await family(ada)
    await rotate(refreshToken, clock.now())
    await rowsOf(ada.userId, `UPDATE grants SET sealed_successor = 'not ours' RETURNING 1`)
    expect(await rotate(refreshToken, clock.now())).toMatchObject(refused('unavailable'))
  })
})

describe('a device code', () => {
  it('is taken once like a code, for the application that asked for it', async () => {
    const ada = await person(clock.now())
    const binding = { applicationId: SHOP }
    const { handle } = await mintCode(ada, { kind: 'device_code', binding, lifetimeSeconds: 600 })
    expect(handle).toMatch(/^d_/)
    const take = (applicationId: string) =>
      grants.take({
        kind: 'device_code',
        handle,
        presented: { applicationId },
        participation: { applicationId, subject: 's', clientSid: 'c' },
        refresh: { lifetimeSeconds: REFRESH_SECONDS, isKeyBound: false },
        now: clock.now(),
      })
    expect(await take(OTHER)).toMatchObject(refused('not_bound'))
    const { refreshToken } = valueOf(await take(SHOP))
    expect((await rotate(refreshToken!, clock.now())).ok).toBe(true)
    expect(await take(SHOP)).toMatchObject(refused('reused'))
    expect(await rotate(refreshToken!, clock.now())).toMatchObject(refused('unknown'))
  })
})

describe('how long tokens live', () => {
  const LONGER_SECONDS = 900
  const longer = createGrants({ ...partsOf(), tokenLifetimeSeconds: LONGER_SECONDS })
  const participation = { applicationId: SHOP, subject: 's', clientSid: 'c' }
  type Given = Awaited<ReturnType<typeof given>>

  async function given() {
    const ada = await person(clock.now())
    return { ...ada, code: await mintCode(ada), refreshToken: (await family(ada)).refreshToken }
  }

  it.each(
    Object.entries({
      mint: (ada: Given) => longer.mint({ ...ada, grant: newGrant() }),
      mintBehind: (ada: Given) => longer.mintBehind({ ...ada, isUse: false, grant: newGrant() }),
      take: ({ code, now }: Given) => takeCode(code.handle, now, HONEST, longer),
      rotate: ({ refreshToken, now }: Given) => rotate(refreshToken, now, undefined, longer),
      participate: (ada: Given) => longer.participate({ ...ada, participation }),
    }),
  )('is made known to the object by %s, before there is one', async (_, ask) => {
    const ada = await given()
    const known = () => rowsOf(ada.userId, 'SELECT token_lifetime_seconds AS seconds FROM user')
    expect(await known()).toEqual([{ seconds: TOKEN_SECONDS }])
    expect((await ask(ada)).ok).toBe(true)
    expect(await known()).toEqual([{ seconds: LONGER_SECONDS }])
  })
})
