/**
 * The environment becomes one frozen Config, or every problem at once. wrangler.toml and the Worker's
 * secrets are read here and nowhere else; README.md, "Settings", explains each of them to operators.
 */
import { isLoopback } from './platform/host-kind.ts'
import { quote, SettingsTable } from './settings/settings-table.ts'
import { readHandoffHosts } from './settings/handoff-settings.ts'
import type { HandoffHostConfig } from './settings/handoff-settings.ts'
import { readIdentityProviders } from './settings/provider-settings.ts'
import type { IdentityProviderConfig } from './settings/provider-settings.ts'
import { readSecrets } from './settings/secret-settings.ts'
import type { GatewaySecrets } from './settings/secret-settings.ts'
import { checkOrigin, checkScope } from './settings/setting-rules.ts'

export type { ClientAuthentication } from './settings/client-authentication-settings.ts'
export type { HandoffHostConfig, IdentityProviderConfig }

/** Every setting, checked and frozen. */
export interface Config {
  /** Our public origin, without a trailing slash. The only source of absolute URLs and cookie names. */
  readonly issuer: string
  readonly isHttps: boolean
  /** Origins besides our own that may call the bridge and be returned to. */
  readonly allowedOrigins: readonly string[]
  readonly accessToken: {
    readonly audience: string
    readonly lifetimeSeconds: number
    readonly scope: string
  }
  /** How long audit events are kept. */
  readonly auditRetentionSeconds: number
  readonly session: { readonly idleSeconds: number; readonly absoluteSeconds: number }
  /** In configured order; the first is the default. */
  readonly identityProviders: readonly IdentityProviderConfig[]
  /** Who hands people over to us; in configured order, the first is the default. */
  readonly handoffHosts: readonly HandoffHostConfig[]
  readonly secrets: GatewaySecrets
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly string[] }

const BINDINGS = [
  'USER_SESSIONS',
  'KEY_RING',
  'PROVIDER_METADATA',
  'ONE_TIME_REFERENCES',
  'CLAIMED_REFERENCES',
  'REVOCATION',
  'DIRECTORY',
  'SIGN_IN_LIMIT',
  'CALLBACK_LIMIT',
  'BRIDGE_LIMIT',
  'BACK_CHANNEL_LIMIT',
  'ADMIN_LIMIT',
  'TOKEN_LIMIT',
  'HANDOFF_LIMIT',
  'WIDGET_LIMIT',
  'DEVICE_LIMIT',
  'AUTHORIZE_LIMIT',
  'SESSION_ENDS',
]

const DAY_SECONDS = 86_400

/**
 * Turns the environment into a deep-frozen Config, or names every problem at once: each a sentence that
 * begins with the setting as it stands in wrangler.toml. No problem holds the value of a secret.
 */
export function parseConfig(env: Readonly<Record<string, unknown>>): ParsedConfig {
  const problems: string[] = []
  const settings = new SettingsTable(env, problems)
  const issuer = settings.text('ISSUER', checkOrigin)
  const isHttps = issuer.startsWith('https:')
  const identityProviders = readIdentityProviders(settings, { issuer, isHttps })
  const handoffHosts = readHandoffHosts(settings, { issuer, isHttps, identityProviders })
  const config: Config = {
    issuer,
    isHttps,
    allowedOrigins: readAllowedOrigins(settings, issuer),
    accessToken: readAccessToken(settings.table('ACCESS_TOKEN')),
    // A shorter time the directory itself would refuse (migrations/0016_audit_retention.sql).
    auditRetentionSeconds:
      settings.wholeNumber('AUDIT_RETENTION_DAYS', { min: 90, max: 3650, fallback: 400 }) *
      DAY_SECONDS,
    session: readSession(settings.table('SESSION')),
    identityProviders,
    handoffHosts,
    secrets: readSecrets(settings, { isHttps, identityProviders, handoffHosts }),
  }
  for (const binding of BINDINGS) {
    if (typeof env[binding] !== 'object' || env[binding] === null)
      settings.refuse(binding, 'the binding is missing')
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config: freeze(config) }
}

function readAllowedOrigins(settings: SettingsTable, issuer: string): readonly string[] {
  const origins = settings.texts('ALLOWED_ORIGINS', (value) => {
    const problem = checkOrigin(value)
    if (problem !== undefined) return problem
    // A page on a developer's machine is not a place to send the people of a deployed gateway.
    const isLeftover = issuer.startsWith('https:') && isLoopback(new URL(value))
    return isLeftover ? `${quote(value)} is a loopback host, but ISSUER is https` : undefined
  })
  return origins.filter((origin) => origin !== issuer)
}

function readAccessToken(table: SettingsTable): Config['accessToken'] {
  const accessToken = {
    audience: table.text('audience', (value) =>
      /^[\x21-\x7e]+$/.test(value)
        ? undefined
        : `${quote(value)} holds blanks or control characters`,
    ),
    lifetimeSeconds: table.wholeNumber('lifetime_seconds', { min: 30, max: 300, fallback: 300 }),
    scope: table.text('scope', checkScope, ''),
  }
  table.refuseUnknown()
  return accessToken
}

function readSession(table: SettingsTable): Config['session'] {
  const absoluteSeconds = table.wholeNumber('absolute_seconds', {
    min: 60,
    max: 30 * DAY_SECONDS,
    fallback: DAY_SECONDS / 2,
  })
  const idleSeconds = table.wholeNumber('idle_seconds', {
    min: 60,
    max: 30 * DAY_SECONDS,
    fallback: Math.min(1800, absoluteSeconds),
  })
  if (idleSeconds > absoluteSeconds) {
    table.refuse(
      'idle_seconds',
      `${idleSeconds} is more than absolute_seconds (${absoluteSeconds})`,
    )
  }
  table.refuseUnknown()
  return { idleSeconds, absoluteSeconds }
}

function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) freeze(member)
  return Object.freeze(value)
}
