import { storageName } from '../platform/digest.ts'

/** The object in which an attempt is claimed. A new stub for each call: a broken one stays broken. */
export const attemptReference = async (references: Env['ONE_TIME_REFERENCES'], attemptId: string) =>
  references.getByName(await storageName('attempt', attemptId))
