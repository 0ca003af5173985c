/** Every operation of the management API, as its description says, each with a form to try it. */
import type { AdminClient } from './admin-client.ts'
import { element } from './element.ts'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
}

interface Operation {
  readonly summary: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: object }>>
  }
}

/** An OpenAPI 3.1 document, as far as it is read here. */
export interface ApiDescription {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> }
}

export const operationForms = (
  { paths, components }: ApiDescription,
  ask: AdminClient,
): readonly HTMLElement[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      operationForm({ method: method.toUpperCase(), path, operation, components }, ask),
    ),
  )

function operationForm(
  {
    method,
    path,
    operation: { summary, parameters = [], requestBody },
    components,
  }: {
    readonly method: string
    readonly path: string
    readonly operation: Operation
    readonly components: ApiDescription['components']
  },
  ask: AdminClient,
): HTMLElement {
  const id = `${method}${path}`.replace(/\W+/g, '-')
  const fields = parameters.map((parameter) => ({ ...parameter, ...field(id, parameter) }))
  const schema = requestBody?.content['application/json']?.schema
  const body = schema && bodyField(id, schema, components)
  const answer = element('pre', { class: 'answer', role: 'status', tabindex: '0', hidden: '' })
  const form = element(
    'form',
    { class: 'operation' },
    ...fields.map(({ row }) => row),
    ...(body === undefined ? [] : [body.row]),
    element('button', { class: 'button', type: 'submit' }, `${method} ${path}`),
    answer,
  )
  const show = (text: string) => {
    answer.hidden = false
    answer.textContent = text
  }
  let isAsking = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    // A second press would register a second application.
    if (isAsking) return
    isAsking = true
    const valuesIn = (place: Parameter['in']) =>
      fields
        .filter((each) => each.in === place)
        .map(({ name, input }) => [name, input.value] as const)
    const filled = valuesIn('path').reduce(
      (at, [name, value]) => at.replace(`{${name}}`, encodeURIComponent(value)),
      path,
    )
    const givenIn = (place: Parameter['in']) =>
      Object.fromEntries(valuesIn(place).filter(([, value]) => value !== ''))
    const query = new URLSearchParams(givenIn('query'))
    const text = body?.input.value.trim() ?? ''
    const suffix = query.size > 0 ? `?${query}` : ''
    const headers = givenIn('header')
    void ask({ method, path: filled + suffix, headers, ...(text !== '' && { body: text }) })
      .then(
        ({ status, etag, body: value }) => {
          const shown = typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)
          const tag = etag === null ? [] : [`ETag: ${etag}`]
          show([String(status), ...tag, '', shown].join('\n'))
        },
        () => show('The gateway cannot be reached.'),
      )
      .finally(() => (isAsking = false))
  })
  return element(
    'details',
    {},
    element('summary', {}, element('code', {}, `${method} ${path}`), ' ', summary),
    form,
  )
}

function field(id: string, { name, in: place, required = false }: Parameter) {
  const input = element('input', { id: `${id}-${name}`, type: 'text', autocomplete: 'off' })
  input.required = place === 'path' || required
  const label = element('label', { for: input.id }, `${name} (${place})`)
  return { input, row: element('div', { class: 'field' }, label, input) }
}

function bodyField(id: string, schema: object, components: ApiDescription['components']) {
  const input = element('textarea', { id: `${id}-body`, rows: '6', spellcheck: 'false' })
  const label = element('label', { for: input.id }, 'Body (JSON)')
  const resolved = resolve(schema, components?.schemas ?? {}, 0)
  const shape = element(
    'details',
    {},
    element('summary', {}, 'What it may hold'),
    element('pre', { class: 'answer', tabindex: '0' }, JSON.stringify(resolved, undefined, 2)),
  )
  return { input, row: element('div', { class: 'field' }, label, input, shape) }
}

/** The schema with what it refers to in the place of each reference. */
function resolve(
  value: unknown,
  schemas: Readonly<Record<string, unknown>>,
  depth: number,
): unknown {
  if (typeof value !== 'object' || value === null || depth > 12) return value
  if (Array.isArray(value)) return value.map((each) => resolve(each, schemas, depth + 1))
  const { $ref: reference } = value as { $ref?: unknown }
  if (typeof reference === 'string') {
    return resolve(schemas[reference.replace('#/components/schemas/', '')], schemas, depth + 1)
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, resolve(member, schemas, depth + 1)]),
  )
}
