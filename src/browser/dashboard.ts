/**
 * The dashboard's script. What is on the page already works without it; it calls the API with the token, as
 * any page would.
 */
import type {} from './classic-script.ts'
import { keepSignedInPage } from './signed-in-page.ts'

const { drawbridge } = window
const element = (id: string) => document.getElementById(id)!
// Found once: an answer of the API may come when the dashboard has left the page already.
const apiStatus = element('api-status')
const apiAnswer = element('api-answer')

const say = (state: 'waiting' | 'good' | 'bad', text: string) => {
  apiStatus.dataset.state = state
  apiStatus.textContent = text
}

async function callApi(): Promise<void> {
  say('waiting', 'Calling GET /api/me …')
  try {
    const response = await drawbridge.fetch(new URL('/api/me', location.href))
    const body = (await response.json()) as Record<string, unknown>
    if (response.ok) show(body)
    else say('bad', `GET /api/me answered ${response.status}: ${String(body.error)}.`)
  } catch {
    say(
      'bad',
      'The gateway cannot be reached just now. You are still signed in; try again in a moment.',
    )
  }
}

function show(body: Record<string, unknown>): void {
  say('good', 'GET /api/me answered 200: the token is good and the session lives.')
  for (const field of apiAnswer.querySelectorAll<HTMLElement>('[data-field]')) {
    const value = body[field.dataset.field!]
    field.textContent = value === undefined ? '–' : shown(field.dataset.field!, value)
  }
  apiAnswer.hidden = false
}

const shown = (field: string, value: unknown): string =>
  /_(at|time)$/.test(field) && typeof value === 'number'
    ? new Date(value * 1000).toLocaleTimeString(undefined, { timeStyle: 'medium' })
    : String(value)

keepSignedInPage(drawbridge, element('dashboard').dataset.sid!)
element('api-again').addEventListener('click', () => void callApi())
element('api').hidden = false
void callApi()
