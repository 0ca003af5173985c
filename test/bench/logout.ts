/**
 * What a logout costs, and how soon it holds at `strict`: asked for by the identity provider's logout token and by
 * an operator, as the user's sessions grow in number, and as more applications have to be told. Another Worker asks
 * the gateway's check about a token, again and again, from the moment of the answer.
 */
import { startBenchGateway } from './bench-gateway.ts'
import type { BenchGateway } from './bench-gateway.ts'
import { measureLogout } from './logout-trial.ts'
import type { LogoutForm, LogoutMeasurement, LogoutTrial } from './logout-trial.ts'
import { workerdMegabytes } from './memory.ts'
import { startReceivers } from './receivers.ts'
import { median, spread, table } from './section.ts'
import type { Section } from './section.ts'

const rounds = 7
const sessionCounts = [1, 10, 100, 1_000, 10_000]
const participantCounts = [0, 10, 100]

const forms: Readonly<Record<LogoutForm, string>> = {
  sub: 'logout token with `sub`',
  sid: 'logout token with `sid` only',
  operator: 'an operator',
}

export const logout: Section = {
  name: 'logout',
  title: 'Logout',
  async run() {
    const gateway = await startBenchGateway()
    try {
      const bySessions = await measureInTurn(
        gateway,
        (Object.keys(forms) as LogoutForm[]).flatMap((form) =>
          sessionCounts.map((sessions) => ({ form, sessions })),
        ),
      )
      const byParticipants = await measureParticipants(gateway)
      const memoryMegabytes = workerdMegabytes()
      return {
        text: [
          'All sessions of one user end, and a token of one of them is refused.',
          table(
            ['asked for by', 'live sessions', 'answer, ms', 'first 401, ms', 'let in after'],
            bySessions.map(([{ form, sessions }, results]) => [
              forms[form],
              sessions,
              spread(results.map((one) => one.answerMilliseconds)),
              spread(results.map((one) => one.untilRefusedMilliseconds)),
              Math.max(...results.map((one) => one.letIn)),
            ]),
          ),
          'Each participant has a back-channel endpoint of its own, at a server on this machine.',
          table(
            ['participants', 'answer, ms', 'first 401, ms', 'all told, ms', 'told per second'],
            byParticipants.map(([count, results]) => [
              count,
              spread(results.map((one) => one.answerMilliseconds)),
              spread(results.map((one) => one.untilRefusedMilliseconds)),
              count === 0
                ? ''
                : spread(
                    results.map((one) => one.untilToldMilliseconds),
                    0,
                  ),
              count === 0 ? '' : toldPerSecond(count, results).toFixed(0),
            ]),
          ),
          `Memory of workerd at the end: ${memoryMegabytes.toFixed(0)} MB.`,
        ].join('\n\n'),
        figures: {
          sessions: bySessions.map(([trial, results]) => ({ ...trial, ...medians(results) })),
          participants: byParticipants.map(([participants, results]) => ({
            participants,
            ...medians(results),
            ...(participants > 0 && { toldPerSecond: toldPerSecond(participants, results) }),
          })),
          memoryMegabytes,
        },
      }
    } finally {
      await gateway.stop()
    }
  },
}

/** Rounds in which the trials take turns, so that a noisy moment does not fall on one alone. */
async function measureInTurn<Trial extends LogoutTrial>(
  gateway: BenchGateway,
  trials: readonly Trial[],
): Promise<[Trial, LogoutMeasurement[]][]> {
  const measured = trials.map((trial): [Trial, LogoutMeasurement[]] => [trial, []])
  for (const trial of trials) await measureLogout(gateway, trial)
  for (let round = 0; round < rounds; round += 1) {
    for (const [trial, results] of measured) results.push(await measureLogout(gateway, trial))
  }
  return measured
}

async function measureParticipants(
  gateway: BenchGateway,
): Promise<[number, readonly LogoutMeasurement[]][]> {
  const all = await Promise.all(
    participantCounts.map(async (count) => startReceivers(gateway, count)),
  )
  try {
    const trials = all.map((receivers) => ({ form: 'sub', sessions: 1, receivers }) as const)
    const measured = await measureInTurn(gateway, trials)
    return measured.map(([{ receivers }, results]) => [receivers.ids.length, results])
  } finally {
    await Promise.all(all.map(async (receivers) => receivers.stop()))
  }
}

const toldPerSecond = (count: number, results: readonly LogoutMeasurement[]): number =>
  count / (median(results.map((one) => one.untilToldMilliseconds)) / 1000)

const medians = (results: readonly LogoutMeasurement[]) => ({
  answerMilliseconds: median(results.map((one) => one.answerMilliseconds)),
  untilRefusedMilliseconds: median(results.map((one) => one.untilRefusedMilliseconds)),
  letIn: Math.max(...results.map((one) => one.letIn)),
})
