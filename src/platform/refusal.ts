/**
 * A refusal is the reasoned "no" of a check: a stable code and the facts behind it. It is a value, not
 * an exception. The facts go to the log and never to the wire; they hold no token, code, cookie,
 * secret or e-mail address.
 */
export interface Refusal<Code extends string = string> {
  readonly code: Code
  readonly facts?: Readonly<Record<string, string | number | boolean | undefined>>
}

export interface Refused<Code extends string = string> {
  readonly ok: false
  readonly refusal: Refusal<Code>
}

export type Result<Value, Code extends string = string> =
  | { readonly ok: true; readonly value: Value }
  | Refused<Code>

export const ok = <Value>(value: Value): { readonly ok: true; readonly value: Value } => ({
  ok: true,
  value,
})

export const refuse = <Code extends string>(
  code: Code,
  facts?: Refusal['facts'],
): Refused<Code> => ({
  ok: false,
  refusal: facts === undefined ? { code } : { code, facts },
})
