/**
 * Reads wrangler.toml as the deployed gateway will read its environment, and names every problem at once.
 *
 *   node dev/check-config.ts                     what runs on this machine, with the secrets of .dev.vars
 *   node dev/check-config.ts --env production    what is deployed
 *   node dev/check-config.ts --config other.toml   another file than wrangler.toml
 *
 * The secrets of a deployed gateway cannot be read from here. Those that `secrets.required` names are taken
 * to be there and to be good; the deployed gateway checks them itself.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, parseEnv } from 'node:util'
import { unstable_readConfig } from 'wrangler'
import { projectRoot } from './settings.ts'

type Environment = Record<string, unknown>

/** The parts of wrangler's configuration that become the environment. */
interface WranglerConfig {
  readonly vars: Environment
  readonly kv_namespaces: readonly { readonly binding: string }[]
  readonly d1_databases: readonly { readonly binding: string }[]
  readonly durable_objects: { readonly bindings: readonly { readonly name: string }[] }
  readonly ratelimits: readonly { readonly name: string }[]
  readonly queues: { readonly producers?: readonly { readonly binding: string }[] }
  readonly secrets?: { readonly required?: readonly string[] }
}

interface Checked {
  readonly ok: boolean
  readonly problems?: readonly string[]
}

// Its types are the Workers runtime's, which this program does not run in.
const { parseConfig } = (await import(new URL('../src/config.ts', import.meta.url).href)) as {
  readonly parseConfig: (environment: Environment) => Checked
}

/** The environment that the gateway would see: settings, bindings and secrets. */
function environmentOf(config: WranglerConfig, name: string | undefined): Environment {
  const bindings = [
    ...config.kv_namespaces.map(({ binding }) => binding),
    ...config.d1_databases.map(({ binding }) => binding),
    ...config.durable_objects.bindings.map((binding) => binding.name),
    ...config.ratelimits.map((binding) => binding.name),
    ...(config.queues.producers ?? []).map(({ binding }) => binding),
  ]
  return {
    ...config.vars,
    ...Object.fromEntries(bindings.map((binding) => [binding, {}])),
    ...(name === undefined ? localSecrets() : unseenSecrets(config.secrets?.required ?? [])),
  }
}

function localSecrets(): Environment {
  const file = join(projectRoot, '.dev.vars')
  return existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {}
}

const unseenSecrets = (names: readonly string[]): Environment =>
  Object.fromEntries(names.map((name) => [name, randomBytes(32).toString('base64url')]))

/** What the file sets and nobody reads is a name misspelt, whose default would count in silence. */
function checkEnvironment(environment: Environment, vars: Environment): readonly string[] {
  const read = new Set<PropertyKey>()
  const watched = new Proxy(environment, {
    get(target, name) {
      read.add(name)
      return Reflect.get(target, name) as unknown
    },
  })
  const { problems = [] } = parseConfig(watched)
  const unread = Object.keys(vars).filter((name) => !read.has(name))
  return [...problems, ...unread.map((name) => `${name}: is no setting`)]
}

const { values } = parseArgs({ options: { env: { type: 'string' }, config: { type: 'string' } } })
const config: WranglerConfig = unstable_readConfig({
  config: values.config ?? join(projectRoot, 'wrangler.toml'),
  ...(values.env === undefined ? {} : { env: values.env }),
})
const problems = checkEnvironment(environmentOf(config, values.env), config.vars)
for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0 ? 'The settings are complete.' : `${problems.length} to be mended.`,
)
process.exitCode = problems.length === 0 ? 0 : 1
