/** Does the work for each item, some at a time: one that is slow holds up its group, and none is skipped. */
export async function inGroups<Item, Outcome>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (let at = 0; at < items.length; at += atOnce) {
    outcomes.push(...(await Promise.all(items.slice(at, at + atOnce).map(work))))
  }
  return outcomes
}
