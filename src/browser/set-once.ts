/**
 * Sets a name of the window, unless a script has set it before. An element of the page with that id or name answers
 * to it as well (HTML, "named access on the Window object"), and must not pass for it.
 */
export function setOnce<Name extends keyof Window>(name: Name, make: () => Window[Name]): void {
  const own = Object.getOwnPropertyDescriptor(window, name)
  if (own?.value === undefined) Object.assign(window, { [name]: make() })
}
