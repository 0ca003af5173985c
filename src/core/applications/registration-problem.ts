import { CLIENT_METADATA_NAMES } from '../../protocol/client-metadata.ts'
import type { OAuthClient } from './application.ts'

/** One thing that keeps a registration from being taken. */
export interface RegistrationProblem {
  /** JSON Pointer (RFC 6901) into what the operator sent, in the names of RFC 7591: `/oauth/redirect_uris/0`. */
  readonly pointer: string
  /** What is wrong with what stands there, for people. */
  readonly detail: string
}

/** Notes a problem with a member of the OAuth client, or with one element of it. */
export type Report = (member: keyof OAuthClient, detail: string, index?: number) => void

export const reportTo =
  (problems: RegistrationProblem[]): Report =>
  (member, detail, index) => {
    const element = index === undefined ? '' : `/${index}`
    problems.push({ pointer: `/oauth/${CLIENT_METADATA_NAMES[member]}${element}`, detail })
  }
