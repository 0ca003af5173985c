/** In plain words, what each scope value lets an application see or do. */
export const SCOPE_WORDS: Readonly<Record<string, string>> = {
  openid: 'That it is you, when you sign in',
  profile: 'Your name, picture, language and time zone',
  email: 'Your e-mail address',
  address: 'Your postal address',
  phone: 'Your phone number',
  offline_access: 'All of this also while you are not using it, until you sign out here',
}
