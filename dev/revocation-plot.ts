/**
 * The plot of README, "Revocation": which share of requests is still accepted, over the time since a logout. Its
 * colours follow the reader's scheme, each curve bears its name, and what it shows is told in words too.
 */

const levels = ['strict', 'bounded', 'cached'] as const

/** Per level, how many seconds after a logout the last request was accepted, once for each logout and location. */
export type Lags = Readonly<Record<(typeof levels)[number], readonly number[]>>

const width = 820
const height = 400
const plot = { left: 70, right: 800, top: 64, bottom: 340 }
const time = { from: -5, to: 45 }

const x = (seconds: number): number =>
  plot.left + ((seconds - time.from) / (time.to - time.from)) * (plot.right - plot.left)
const y = (share: number): number => plot.bottom - share * (plot.bottom - plot.top)
const digits = (value: number): string => value.toFixed(1).replace(/\.0$/, '')

/** By when, in seconds after the logout, half of the locations, and all of them, accepted nothing any more. */
const timesOf = (lags: readonly number[]) => {
  const sorted = lags.toSorted((a, b) => a - b)
  return { half: sorted[Math.floor(sorted.length / 2)]!, all: sorted.at(-1)! }
}

/** The share that still accepts falls by one step with each last acceptance. */
function curve(lags: readonly number[]): string {
  const sorted = lags.toSorted((a, b) => a - b)
  const steps = sorted.map((lag, index) => {
    const share = 1 - (index + 1) / sorted.length
    return `H${digits(x(lag))}V${digits(y(share))}`
  })
  return `M${digits(x(time.from))} ${digits(y(1))}${steps.join('')}H${digits(x(time.to))}`
}

const range = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step)

const axes = (): string =>
  [
    ...range(0, 1, 0.25).map(
      (share) =>
        `<path class="grid" d="M${plot.left} ${digits(y(share))}H${plot.right}"/>` +
        `<text class="tick" x="${plot.left - 10}" y="${digits(y(share) + 5)}" text-anchor="end">${share * 100}</text>`,
    ),
    ...range(time.from, time.to, 5).map(
      (seconds) =>
        `<path class="axis" d="M${digits(x(seconds))} ${plot.bottom}v6"/>` +
        `<text class="tick" x="${digits(x(seconds))}" y="${plot.bottom + 23}" text-anchor="middle">${seconds < 0 ? `−${-seconds}` : seconds}</text>`,
    ),
    `<path class="axis" d="M${plot.left} ${plot.bottom}H${plot.right}"/>`,
    `<text class="name" x="${(plot.left + plot.right) / 2}" y="${plot.bottom + 48}" text-anchor="middle">seconds after the logout was answered</text>`,
    `<text class="name" transform="translate(22 ${(plot.top + plot.bottom) / 2}) rotate(-90)" text-anchor="middle">requests still accepted, %</text>`,
  ].join('\n')

/** A name beside its curve, in the curve's colour, and in words what there is to see. */
const label = (level: string, at: Point & { readonly lines: readonly string[] }): string =>
  `<text class="label" x="${digits(at.x)}" y="${digits(at.y)}"><tspan class="${level}">${level}</tspan>` +
  at.lines
    .map((line) => `<tspan class="said" x="${digits(at.x)}" dy="18">${line}</tspan>`)
    .join('') +
  '</text>'

const spoken = ({ half, all }: ReturnType<typeof timesOf>): string =>
  `half after ${digits(half)} s, the last after ${digits(all)} s`

interface Point {
  readonly x: number
  readonly y: number
}

const lead = (from: Point, to: Point): string =>
  `<path class="lead" d="M${digits(from.x)} ${digits(from.y)}L${digits(to.x)} ${digits(to.y)}"/>`

/** The whole picture, as SVG. */
export function drawRevocation(lags: Lags): string {
  const [bounded, cached] = [timesOf(lags.bounded), timesOf(lags.cached)]
  const strict = timesOf(lags.strict)
  const told = `strict: the last request was accepted ${digits(strict.all)} seconds after the logout; bounded: half had ended after ${digits(bounded.half)} seconds, the last after ${digits(bounded.all)}; cached: half after ${digits(cached.half)} seconds, the last after ${digits(cached.all)}`
  const boundedAt = { x: x(20), y: y(0.86) }
  const cachedAt = { x: x(26.5), y: y(0.56) }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title told" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif">
<title id="title">Requests accepted after a logout, at the three levels of revocation</title>
<desc id="told">The share of ${lags.strict.length} pairs of a logout and a location where requests with the revoked token were still accepted, over time. Before the logout all are. ${told}.</desc>
<style>
  .paper { fill: #fbf9f4 } .grid { stroke: #e2ddd0; fill: none } .axis { stroke: #827c6e; fill: none }
  text { fill: #1c2529 } .tick, .said { fill: #566067; font-size: 14px } .name { font-size: 15px } .label { font-size: 16px; paint-order: stroke; stroke: #fbf9f4; stroke-width: 6px; stroke-linejoin: round }
  .head { font-size: 18px; font-weight: 600 } .label tspan:first-child { font-weight: 700 } .label .said { font-weight: 400 }
  .curve { fill: none; stroke-width: 2.5; stroke-linejoin: round } .cached.curve { stroke-dasharray: 7 4 } .strict.curve { stroke-width: 3.5 }
  .now { stroke: #827c6e; stroke-dasharray: 2 4; fill: none } .lead { stroke: #827c6e; fill: none }
  .strict.curve { stroke: #1d6b3c } .bounded.curve { stroke: #0e5560 } .cached.curve { stroke: #b3480c }
  tspan.strict { fill: #1d6b3c } tspan.bounded { fill: #0e5560 } tspan.cached { fill: #b3480c }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #1b2428 } .grid { stroke: #313c41 } .axis, .lead, .now { stroke: #8b979c }
    .label { stroke: #1b2428 } text { fill: #ece8df } .tick, .said { fill: #a9b4b8 }
    .strict.curve { stroke: #7fce9c } .bounded.curve { stroke: #6cc5d3 } .cached.curve { stroke: #f0a36b }
    tspan.strict { fill: #7fce9c } tspan.bounded { fill: #6cc5d3 } tspan.cached { fill: #f0a36b }
  }
</style>
<rect class="paper" width="${width}" height="${height}" rx="10"/>
<text class="head" x="${plot.left}" y="32">How long a revoked token is still accepted</text>
${axes()}
<path class="now" d="M${digits(x(0))} ${plot.top - 12}V${plot.bottom}"/>
<text class="tick" x="${digits(x(0) + 6)}" y="${plot.top - 6}">logout</text>
${levels.map((level) => `<path class="${level} curve" d="${curve(lags[level])}"/>`).join('\n')}
${lead({ x: boundedAt.x - 6, y: boundedAt.y - 5 }, { x: x(9), y: y(shareAt(lags.bounded, 9)) - 3 })}
${label('bounded', { ...boundedAt, lines: ['asks KV each time:', spoken(bounded)] })}
${lead({ x: cachedAt.x + 70, y: cachedAt.y + 46 }, { x: x(cached.all - 1), y: y(shareAt(lags.cached, cached.all - 1)) - 4 })}
${label('cached', { ...cachedAt, lines: ['keeps what KV said for 5 s:', spoken(cached)] })}
${label('strict', { x: x(1.2), y: y(0.17), lines: [`asks the user’s object: none after ${digits(strict.all)} s`] })}
</svg>
`
}

/** The share that still accepted then. */
const shareAt = (lags: readonly number[], seconds: number): number =>
  lags.filter((lag) => lag > seconds).length / lags.length
