/**
 * Reads wrangler.toml as the deployed gateway will read its environment, and names every problem at once.
 *
 *   node dev/check-config.ts                     what runs on this machine, with the secrets of .dev.vars
 *   node dev/check-config.ts --env production    what is deployed
 *   node dev/check-config.ts --config other.toml   another file than wrangler.toml
 *
 * The secrets of a deployed gateway cannot be read from here. Those that `secrets.required` names are taken
 * to be there and to be good (no deployment goes through without them); the deployed gateway checks them itself.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
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
  readonly routes?: readonly (string | { readonly pattern: string })[]
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

const secretName = /_(KEY|SECRET)$/

/** The settings and bindings that the gateway would see. */
function environmentOf(config: WranglerConfig): Environment {
  const bindings = [
    ...config.kv_namespaces.map(({ binding }) => binding),
    ...config.d1_databases.map(({ binding }) => binding),
    ...config.durable_objects.bindings.map((binding) => binding.name),
    ...config.ratelimits.map((binding) => binding.name),
    ...(config.queues.producers ?? []).map(({ binding }) => binding),
  ]
  return { ...config.vars, ...Object.fromEntries(bindings.map((binding) => [binding, {}])) }
}

/** What is wrong with an environment, and which of its names were looked for, there or not. */
function parse(environment: Environment) {
  const read = new Set<string>()
  const watched = new Proxy(environment, {
    getOwnPropertyDescriptor(target, name) {
      read.add(String(name))
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
  })
  const { problems = [] } = parseConfig(watched)
  return { problems, read }
}

function localSecrets(): Environment {
  const file = join(projectRoot, '.dev.vars')
  return existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {}
}

/** Good ones, each of its kind. */
function unseenSecrets(names: readonly string[]): Environment {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), alg: 'ES256' })
  const like = (name: string) =>
    name.endsWith('_PRIVATE_KEY') ? jwk : randomBytes(32).toString('base64url')
  return Object.fromEntries(names.map((name) => [name, like(name)]))
}

/** What the gateway itself cannot see: that wrangler would not let it be deployed, or nobody find it. */
function checkDeployment(config: WranglerConfig, wanted: readonly string[]): readonly string[] {
  const required = config.secrets?.required ?? []
  const unlisted = wanted.filter((name) => !required.includes(name))
  const unwanted = required.filter((name) => !wanted.includes(name))
  const host = URL.parse(String(config.vars['ISSUER']))?.hostname
  const { routes = [] } = config
  const isRouted = routes.some((route) => {
    const pattern = typeof route === 'string' ? route : route.pattern
    const routed = pattern.replace(/^https?:\/\//, '').split('/')[0] ?? ''
    return routed.startsWith('*') ? host?.endsWith(routed.slice(1)) : routed === host
  })
  // Without any route the host is set up elsewhere, or is the account's own.
  const isLost = host !== undefined && routes.length > 0 && !isRouted
  return [
    ...unlisted.map(
      (name) =>
        `${name}: is not in secrets.required; put it there, so that nothing is deployed without it`,
    ),
    ...unwanted.map((name) => `secrets.required: names ${name}, which no setting needs`),
    ...(isLost ? [`ISSUER: no route leads to ${host}`] : []),
  ]
}

function check(config: WranglerConfig, isDeployed: boolean): readonly string[] {
  const environment = environmentOf(config)
  const wanted = [...parse(environment).read].filter((name) => secretName.test(name))
  const secrets = isDeployed ? unseenSecrets(wanted) : localSecrets()
  const { problems, read } = parse({ ...environment, ...secrets })
  // What the file sets and nobody reads is a name misspelt, whose default would count in silence.
  const unread = Object.keys(config.vars).filter((name) => !read.has(name))
  return [
    ...problems,
    ...unread.map((name) => `${name}: is no setting`),
    ...(isDeployed ? checkDeployment(config, wanted) : []),
  ]
}

/** A file that wrangler cannot use is the one problem there is, said in its words. */
function readAndCheck(): readonly string[] {
  try {
    const { values } = parseArgs({
      options: { env: { type: 'string' }, config: { type: 'string' } },
    })
    const config: WranglerConfig = unstable_readConfig({
      config: values.config ?? join(projectRoot, 'wrangler.toml'),
      ...(values.env === undefined ? {} : { env: values.env }),
    })
    return check(config, values.env !== undefined)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const { location } = error as Error & { readonly location?: { readonly line: number } }
    return [location === undefined ? error.message : `${error.message}, in line ${location.line}`]
  }
}

const problems = readAndCheck()
for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0 ? 'The settings are complete.' : `${problems.length} to be mended.`,
)
process.exitCode = problems.length === 0 ? 0 : 1
