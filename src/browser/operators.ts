/** The script of the operators' page. The key is held by a closure for as long as the page is open, and by nothing else. */
import { createAdminClient } from './admin-client.ts'
import { byId } from './element.ts'
import { operationForms } from './operations.ts'
import type { ApiDescription } from './operations.ts'
import { showOverview } from './operators-overview.ts'

const form = byId<HTMLFormElement>('key-form')
const field = byId<HTMLInputElement>('key')
const opened = byId('opened')
const say = (text: string) => {
  byId('status').textContent = text
}

form.hidden = false
form.addEventListener('submit', (event) => {
  event.preventDefault()
  const key = field.value
  field.value = ''
  void open(key)
})
// Reloading is the surest way to forget.
byId('forget').addEventListener('click', () => location.reload())
// A page that was left and is brought back from the back/forward cache holds it still.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload()
})

async function open(key: string): Promise<void> {
  say('Opening…')
  const ask = createAdminClient(key)
  const description = await ask({ method: 'GET', path: '/openapi.json' }).catch(() => undefined)
  if (description === undefined) return say('The gateway cannot be reached.')
  if (description.status !== 200) {
    field.focus()
    return say(
      description.status === 401
        ? 'That is no admin API key.'
        : `The gateway answers ${description.status}. Try again in a minute.`,
    )
  }
  form.hidden = true
  byId('operations').replaceChildren(...operationForms(description.body as ApiDescription, ask))
  const refresh = async () => {
    await showOverview(ask, say)
    opened.hidden = false
    say('')
  }
  byId('refresh').addEventListener('click', () => void refresh())
  await refresh()
  byId('refresh').focus()
}
