/** In plain words, what each scope value lets an application see or do. A registration may name others too. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['openid', 'That it is you, when you sign in'],
  ['profile', 'Your name, picture, language and time zone'],
  ['email', 'Your e-mail address'],
  ['address', 'Your postal address'],
  ['phone', 'Your phone number'],
  ['offline_access', 'All of this also while you are not using it, until you sign out here'],
])

/** One scope value in a list: in words, or as it stands. */
export const ScopeItem = ({ value }: { readonly value: string }) => (
  <li data-scope={value}>{WORDS.get(value) ?? <code>{value}</code>}</li>
)

/** The API that tokens are asked for (RFC 8707 §2), in the same list; nothing where none was named. */
export const ResourceItem = ({ value }: { readonly value: string | undefined }) =>
  value === undefined ? null : (
    <li data-resource={value}>
      To act for you at <code>{value}</code>
    </li>
  )
