/** The gateway's own keys among the Worker secrets, and what keeps weak or borrowed ones out. */
import { secretName } from './client-authentication-settings.ts'
import type { RotatingSecret } from '../platform/secrets.ts'
import type { HandoffHostConfig } from './handoff-settings.ts'
import type { IdentityProviderConfig } from './provider-settings.ts'
import type { SettingsTable } from './settings-table.ts'

/** The gateway's own keys. Each may be followed by older values that are still accepted. */
export interface GatewaySecrets {
  readonly handleKey: RotatingSecret
  readonly keyEncryptionKey: RotatingSecret
  readonly adminApiKey: RotatingSecret
}

const MIN_LENGTH = 32
/** Thirty-two random digits, even hexadecimal ones, show fewer than this once in many millions of keys. */
const MIN_DIFFERENT_CHARACTERS = 6
const PLACEHOLDERS = [
  'changeme',
  'change-me',
  'change_me',
  'placeholder',
  'replaceme',
  'replace-me',
  'replace_me',
]
/** What `npm run dev` puts before the secrets that it makes. */
const DEVELOPMENT_PREFIX = 'development-'

interface NamedSecret {
  readonly name: string
  readonly value: string
}

/**
 * Reads the three keys, each with the older values that may follow it, separated by blanks. All values
 * differ, also from the client secrets, which others know. A deployed gateway takes none that was made
 * for development.
 */
export function readSecrets(
  settings: SettingsTable,
  {
    isHttps,
    identityProviders,
    handoffHosts,
  }: {
    readonly isHttps: boolean
    readonly identityProviders: readonly IdentityProviderConfig[]
    readonly handoffHosts: readonly HandoffHostConfig[]
  },
): GatewaySecrets {
  const secrets = {
    handleKey: readRotatingSecret(settings, 'HANDLE_KEY'),
    keyEncryptionKey: readRotatingSecret(settings, 'KEY_ENCRYPTION_KEY'),
    adminApiKey: readRotatingSecret(settings, 'ADMIN_API_KEY'),
  }
  const keys = [
    ...named('HANDLE_KEY', secrets.handleKey),
    ...named('KEY_ENCRYPTION_KEY', secrets.keyEncryptionKey),
    ...named('ADMIN_API_KEY', secrets.adminApiKey),
  ]
  const hostKeys = handoffHosts.flatMap(({ id, apiKey }) =>
    named(secretName(id, 'API_KEY'), [apiKey]),
  )
  const clientSecrets = identityProviders.flatMap(({ id, clientAuthentication }) =>
    'clientSecret' in clientAuthentication
      ? named(secretName(id, 'CLIENT_SECRET'), [clientAuthentication.clientSecret])
      : [],
  )
  const theirs = [...clientSecrets, ...hostKeys]
  refuseRepeated(settings, theirs, keys)
  if (isHttps) refuseDevelopment(settings, [...keys, ...theirs])
  return secrets
}

function readRotatingSecret(settings: SettingsTable, name: string): RotatingSecret {
  const text = settings.secret(name, (value) => (value.trim() === '' ? 'is blank' : undefined))
  const [current = '', ...older] = text.split(/\s+/).filter((value) => value !== '')
  for (const [i, value] of [current, ...older].entries()) {
    const problem = text === '' ? undefined : checkStrength(value)
    if (problem !== undefined)
      settings.refuse(name, i === 0 ? problem : `the older value ${i} ${problem}`)
  }
  return [current, ...older]
}

function checkStrength(value: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(value)) return 'holds characters that are not visible ASCII'
  if (value.length < MIN_LENGTH) {
    return `is shorter than ${MIN_LENGTH} characters; make one with "openssl rand -base64 32"`
  }
  const isRepetition = `${value}${value}`.indexOf(value, 1) < value.length
  const isMonotonous = new Set(value).size < MIN_DIFFERENT_CHARACTERS
  const isPlaceholder = PLACEHOLDERS.some((word) => value.toLowerCase().includes(word))
  return isRepetition || isMonotonous || isPlaceholder
    ? 'is not random; make one with "openssl rand -base64 32"'
    : undefined
}

const named = (name: string, values: readonly string[]): readonly NamedSecret[] =>
  values.filter((value) => value !== '').map((value) => ({ name, value }))

function refuseRepeated(
  settings: SettingsTable,
  clientSecrets: readonly NamedSecret[],
  keys: readonly NamedSecret[],
): void {
  const owners = new Map(clientSecrets.map(({ name, value }) => [value, name]))
  for (const { name, value } of keys) {
    const owner = owners.get(value)
    if (owner !== undefined) settings.refuse(name, `has a value that is already in ${owner}`)
    owners.set(value, name)
  }
}

function refuseDevelopment(settings: SettingsTable, secrets: readonly NamedSecret[]): void {
  for (const { name, value } of secrets) {
    if (!value.startsWith(DEVELOPMENT_PREFIX)) continue
    settings.refuse(name, 'was made for development, but ISSUER is https')
  }
}
