import { wireName } from '../../protocol/wire-names.ts'
import type { OAuthClient } from './application.ts'
import type { RegistrationProblem } from './registration-problem.ts'

/** Notes a problem with a member of the OAuth client, or with one element of it. */
export type Report = (member: keyof OAuthClient, detail: string, index?: number) => void

export const reportTo =
  (problems: RegistrationProblem[]): Report =>
  (member, detail, index) => {
    const element = index === undefined ? '' : `/${index}`
    problems.push({ pointer: `/oauth/${wireName(member)}${element}`, detail })
  }
