/** One part of the benchmark: what it measures, and how. It starts what it needs and stops it again. */
export interface Section {
  /** What `npm run bench -- <name>` picks it by. */
  readonly name: string
  /** The heading in docs/costs.md. */
  readonly title: string
  run(): Promise<Findings>
}

export interface Findings {
  /** For people, in Markdown: how it was measured, and tables. */
  readonly text: string
  /** The same for machines; it is written to docs/costs.json under the section's name. */
  readonly figures: Readonly<Record<string, unknown>>
}

/** A table in Markdown: the columns' headings, then the rows. */
export const table = (
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string =>
  [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** The middle of the values; of an even number, the upper of the two. NaN for none. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

/** The median with the smallest and the largest value: `12.3 (11.9–14.0)`. */
export const spread = (values: readonly number[], digits = 1): string =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`
