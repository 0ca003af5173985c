import { expect } from 'vitest'
import { snapshot } from '../../world/snapshot.ts'
import type { Answer } from './token-world.ts'

/** A refusal of an OAuth endpoint, and nothing with it (RFC 6749 §5.2). */
export function expectError(answer: Answer, error: string, status = 400): void {
  expect({ status: answer.status, error: answer.body.error }).toEqual({ status, error })
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.get('pragma')).toBe('no-cache')
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  expect(answer.headers.get('www-authenticate')?.startsWith('Basic ') ?? false).toBe(status === 401)
  for (const name of ['access_token', 'id_token', 'refresh_token'])
    expect(answer.body).not.toHaveProperty(name)
}

/** A refusal that leaves everything as it was. */
export async function expectUntouched(
  error: string,
  ask: () => Promise<Answer>,
  status = 400,
): Promise<void> {
  const before = await snapshot()
  expectError(await ask(), error, status)
  expect(await snapshot()).toEqual(before)
}
