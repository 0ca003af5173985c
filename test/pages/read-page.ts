/** A page as a browser would take it apart: its elements in order, with attributes and the text inside. */
export interface ReadElement {
  readonly tag: string
  readonly attributes: ReadonlyMap<string, string>
  text: string
}

export async function readPage(page: unknown): Promise<ReadElement[]> {
  const elements: ReadElement[] = []
  const open: ReadElement[] = []
  const rewriter = new HTMLRewriter().on('*', {
    element(element) {
      const attributes = new Map([...element.attributes].map(([name, value]) => [name!, value!]))
      const read = { tag: element.tagName, attributes, text: '' }
      elements.push(read)
      if (voidElements.has(read.tag)) return
      open.push(read)
      element.onEndTag(() => void open.splice(open.indexOf(read), 1))
    },
    text({ text }) {
      for (const element of open) element.text += text
    },
  })
  await rewriter.transform(new Response(await textOf(page))).arrayBuffer()
  return elements
}

/** The page as bytes on the wire would say it. */
export const textOf = async (page: unknown): Promise<string> => String(await page)

export const all = (elements: readonly ReadElement[], tag: string): ReadElement[] =>
  elements.filter((element) => element.tag === tag)

export const byId = (elements: readonly ReadElement[], id: string): ReadElement | undefined =>
  elements.find(({ attributes }) => attributes.get('id') === id)

const voidElements = new Set(['meta', 'link', 'input', 'img', 'br', 'hr'])
