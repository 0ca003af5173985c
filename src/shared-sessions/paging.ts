/** Lists, page by page: `page`, `entries_per_page`, `order_direction`. */
import type { Listed, PageOf } from '../core/users/site-user.ts'

const MOST_ENTRIES = 500
const DEFAULT_ENTRIES = 250
/** Nobody reads on to where counting rows would take long. */
const LAST_PAGE = 100_000

export interface Page extends PageOf {
  readonly number: number
}

/** What makes no sense is as if it were not there: a client whose paging is off still sees the first page. */
export function readPage(query: URLSearchParams): Page {
  const number = Math.min(wholeNumber(query.get('page')) ?? 1, LAST_PAGE)
  const wanted = wholeNumber(query.get('entries_per_page')) ?? DEFAULT_ENTRIES
  const limit = wanted > MOST_ENTRIES ? DEFAULT_ENTRIES : wanted
  const isDescending = query.get('order_direction')?.toLowerCase() === 'desc'
  return { number, limit, offset: (number - 1) * limit, isDescending }
}

const wholeNumber = (text: string | null): number | undefined =>
  text !== null && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined

/** The list as clients read it; some go on until `current_page` equals `total_pages`. */
export const pageNode = <Entry>(
  { number, limit, isDescending }: Page,
  { entries, total }: Listed<Entry>,
) => ({
  pagination: {
    current_page: number,
    total_pages: Math.max(1, Math.ceil(total / limit)),
    entries_per_page: limit,
    total_entries: total,
    order: { field: 'date_creation', direction: isDescending ? 'desc' : 'asc' },
  },
  count: entries.length,
  entries,
})
