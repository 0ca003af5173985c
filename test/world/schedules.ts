/**
 * Every order in which programs that run at the same time can take their steps. A step is what nothing can
 * come between: one transaction, one query, one write to KV. Between two steps of a program any steps of
 * the others may come, and each such order is one schedule.
 */
export type Step = () => void | Promise<void>

/** Begins in a world of its own kind; called once for each schedule, so that it can keep what it has learnt. */
export type Program<World> = (world: World) => readonly Step[]

/** One schedule: which program takes each next step. */
export type Schedule = readonly number[]

/** All schedules of programs with these numbers of steps, each once. */
export function* schedulesOf(lengths: readonly number[]): Generator<Schedule> {
  if (lengths.every((length) => length === 0)) yield []
  for (const [program, length] of lengths.entries()) {
    if (length === 0) continue
    const rest = lengths.map((other, at) => (at === program ? other - 1 : other))
    for (const schedule of schedulesOf(rest)) yield [program, ...schedule]
  }
}

/**
 * Takes the steps of the programs in the order of a schedule, and calls `after` with what was taken so far
 * (as `program.step`, counted from 1) after each of them.
 */
export async function runSchedule<World>(
  world: World,
  programs: readonly Program<World>[],
  schedule: Schedule,
  after: (taken: readonly string[]) => void | Promise<void>,
): Promise<void> {
  const begun = programs.map((program) => ({ name: program.name, steps: program(world), at: 0 }))
  const taken: string[] = []
  for (const index of schedule) {
    const program = begun[index]!
    await program.steps[program.at]!()
    program.at += 1
    taken.push(`${program.name}.${program.at}`)
    await after(taken)
  }
}

/** All sets of `size` of these, in order; with `isRepeating`, one may be there more than once. */
export function choose<Item>(
  items: readonly Item[],
  size: number,
  isRepeating = false,
): readonly Item[][] {
  if (size === 0) return [[]]
  return items.flatMap((item, at) =>
    choose(items.slice(isRepeating ? at : at + 1), size - 1, isRepeating).map((rest) => [
      item,
      ...rest,
    ]),
  )
}
