import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseEnv } from 'node:util'

const names = ['HANDLE_KEY', 'KEY_ENCRYPTION_KEY', 'ADMIN_API_KEY', 'OTROTL_CLIENT_SECRET'] as const

export type DevSecrets = Readonly<Record<(typeof names)[number], string>>

/**
 * The secrets of this machine's gateway, in wrangler's own format. Names that the file lacks are added
 * with fresh random values (256 bits); what is there is never changed. The values say `development-`, and a
 * gateway on https refuses to run with such a one.
 */
export function prepareSecrets(file: string): DevSecrets {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const present = parseEnv(text)
  const added = names
    .filter((name) => !present[name])
    .map((name) => [name, `development-${randomBytes(32).toString('base64url')}`] as const)
  if (added.length > 0) {
    const lines = added.map(([name, value]) => `${name}=${value}\n`).join('')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text === '' || text.endsWith('\n') ? text + lines : `${text}\n${lines}`, {
      mode: 0o600,
    })
  }
  return { ...present, ...Object.fromEntries(added) } as DevSecrets
}
