/** What an operator wants to see first: how soon sign-outs hold, what is on its way, and what has failed. */
import type { AdminAnswer, AdminClient } from './admin-client.ts'
import { byId, element, moment, table } from './element.ts'

interface CanaryRun {
  readonly at: number
  readonly problem: string | null
  readonly accepted_ms: Readonly<Record<'strict' | 'bounded' | 'cached', number | null>>
  readonly watched_ms: number
}

interface CutOff {
  readonly scope: string
  readonly scope_id?: string
  readonly reason: string
  readonly created_at: number
  readonly state: string
  readonly total: number
  readonly done: number
  readonly failed: number
}

interface UndeliveredLogout {
  readonly id: string
  readonly application: string
  readonly attempts: number
  readonly last_error: string
  readonly given_up_at: number
}

interface Application {
  readonly client_id: string
  readonly name: string
  readonly status: string
  readonly first_party: boolean
}

/** Fills the four panels; `say` tells what became of a button. */
export async function showOverview(ask: AdminClient, say: (text: string) => void): Promise<void> {
  await Promise.all([
    fill('canary', ask, '/canary', (body) => canary((body as { runs: CanaryRun[] }).runs)),
    fill('cut-offs', ask, '/cut-offs?limit=20', (body) =>
      cutOffs((body as { cut_offs: CutOff[] }).cut_offs),
    ),
    fill('undelivered', ask, '/undelivered-logouts?limit=20', (body) =>
      undelivered(
        (body as { undelivered_logouts: UndeliveredLogout[] }).undelivered_logouts,
        ask,
        say,
      ),
    ),
    fill('applications', ask, '/applications?limit=100', (body) =>
      applications((body as { applications: Application[] }).applications),
    ),
  ])
}

async function fill(
  id: string,
  ask: AdminClient,
  path: string,
  show: (body: unknown) => HTMLElement,
): Promise<void> {
  const answer = await ask({ method: 'GET', path }).catch((): AdminAnswer => ({
    status: 0,
    etag: null,
    body: undefined,
  }))
  if (answer.status !== 200) {
    return byId(id).replaceChildren(element('p', {}, `Cannot be read now (${answer.status}).`))
  }
  const { next_cursor: next } = answer.body as { readonly next_cursor?: string | null }
  const more = element('p', { class: 'lead' }, 'There may be more: the operations below list all.')
  byId(id).replaceChildren(show(answer.body), ...(typeof next === 'string' ? [more] : []))
}

const LEVELS = ['strict', 'bounded', 'cached'] as const

function canary(runs: readonly CanaryRun[]): HTMLElement {
  const [latest] = runs
  const measured = runs.filter(({ problem }) => problem === null)
  const rows = LEVELS.map((level) => {
    const all = measured.map(
      ({ accepted_ms: accepted, watched_ms: watched }) => accepted[level] ?? watched,
    )
    const sorted = all.toSorted((a, b) => a - b)
    const newest = measured[0]?.accepted_ms[level]
    return [
      element('code', {}, level),
      newest === undefined ? '–' : inSeconds(newest),
      all.length === 0 ? '–' : inSeconds(sorted[Math.floor(sorted.length / 2)] ?? null),
      all.length === 0 ? '–' : inSeconds(sorted.at(-1) ?? null),
    ]
  })
  if (latest === undefined) return element('p', { class: 'lead' }, 'The canary has not run yet.')
  const caption = 'Seconds from a sign-out to the last accepted request'
  return element(
    'div',
    {},
    table(caption, ['Level', 'Latest', 'Median', 'Longest'], rows, ''),
    element(
      'p',
      { class: 'lead' },
      `${caption}, in ${runs.length} runs; the latest `,
      moment(latest.at),
      latest.problem === null ? '.' : ` failed: ${latest.problem}.`,
    ),
  )
}

const inSeconds = (milliseconds: number | null): string =>
  milliseconds === null ? 'to the end' : `${(milliseconds / 1000).toFixed(1)} s`

const cutOffs = (listed: readonly CutOff[]): HTMLElement =>
  table(
    'Mass cut-offs, newest first',
    ['When', 'Of whom', 'Why', 'Progress'],
    listed.map((cutOff) => [
      moment(cutOff.created_at),
      cutOff.scope_id === undefined ? cutOff.scope : `${cutOff.scope} ${cutOff.scope_id}`,
      cutOff.reason,
      progressOf(cutOff),
    ]),
    'There has been none.',
  )

function progressOf({ state, done, total, failed }: CutOff): HTMLElement {
  const text = `${state}: ${done} of ${total}${failed > 0 ? `, ${failed} failed` : ''}`
  const bar = element('progress', {
    max: String(Math.max(total, 1)),
    value: String(total === 0 ? 1 : done),
    'aria-label': text,
  })
  return element('span', {}, bar, ` ${text}`)
}

const undelivered = (
  listed: readonly UndeliveredLogout[],
  ask: AdminClient,
  say: (text: string) => void,
): HTMLElement =>
  table(
    'Sign-outs that applications could not be told of, newest first',
    ['Given up', 'Application', 'Tries', 'Last error', 'Again'],
    listed.map((logout) => [
      moment(logout.given_up_at),
      logout.application,
      String(logout.attempts),
      logout.last_error,
      replayButton(logout, ask, say),
    ]),
    'All have been told.',
  )

function replayButton(
  { id, application }: UndeliveredLogout,
  ask: AdminClient,
  say: (text: string) => void,
): HTMLElement {
  const name = `Tell ${application} again`
  const button = element(
    'button',
    { class: 'button', type: 'button', 'aria-label': name },
    'Try again',
  )
  button.addEventListener('click', () => {
    button.disabled = true
    const path = `/undelivered-logouts/${encodeURIComponent(id)}/replay`
    void ask({ method: 'POST', path }).then(
      ({ status }) => {
        button.disabled = status === 202
        say(status === 202 ? `${application} is being told again.` : `Not done (${status}).`)
      },
      () => {
        button.disabled = false
        say('The gateway cannot be reached.')
      },
    )
  })
  return button
}

const applications = (listed: readonly Application[]): HTMLElement =>
  table(
    'Registered applications',
    ['Name', 'Client id', 'Status', 'Consent'],
    listed.map(({ name, client_id: id, status, first_party: isFirstParty }) => [
      element('bdi', {}, name),
      element('code', {}, id),
      status,
      isFirstParty ? 'not needed' : 'asked for',
    ]),
    'None is registered.',
  )
