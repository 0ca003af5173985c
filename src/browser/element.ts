/** An element with its attributes and what is in it; text stays text. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** The element with this id, which the page is known to have. */
export const byId = <Kind extends HTMLElement>(id: string): Kind =>
  document.getElementById(id) as Kind

/** A table with a caption that is only read out, or a sentence where there are no rows. */
export function table(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly (Node | string)[])[],
  empty: string,
): HTMLElement {
  if (rows.length === 0) return element('p', { class: 'lead' }, empty)
  const head = element('tr', {}, ...heads.map((text) => element('th', { scope: 'col' }, text)))
  const body = rows.map((cells) =>
    element('tr', {}, ...cells.map((cell) => element('td', {}, cell))),
  )
  return element(
    'table',
    {},
    element('caption', { class: 'read-out' }, caption),
    element('thead', {}, head),
    element('tbody', {}, ...body),
  )
}

/** Epoch seconds as people write them, in the browser's own time. */
export const moment = (seconds: number): HTMLElement => {
  const date = new Date(seconds * 1000)
  return element('time', { datetime: date.toISOString() }, date.toLocaleString())
}
