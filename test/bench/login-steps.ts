/** A whole sign-in, in the steps that an application has a part in; between them the person is at the provider. */
import { formsOf, HttpVisitor } from '../clients/http-visitor.ts'
import type { Person } from '../../dev/otrotl/people.ts'

export interface LoginSite {
  readonly origin: string
  /** Where a sign-in begins. */
  readonly startPath: string
  /** What stands on the dashboard of who is signed in. */
  readonly shows: (person: Person) => string
}

export interface LoginVisit {
  readonly visitor: HttpVisitor
  readonly person: Person
  /** Where the last step led to. */
  readonly at: URL
}

const DASHBOARD = '/dashboard'

/** From the application to the provider. */
export async function startLogin(site: LoginSite, person: Person): Promise<LoginVisit> {
  const visitor = new HttpVisitor()
  const elsewhere = (url: URL) => url.origin !== site.origin
  const { url } = await visitor.visit(site.origin + site.startPath, undefined, elsewhere)
  if (!elsewhere(url)) throw new Error(`no sign-in began at ${url.href}`)
  return { visitor, person, at: url }
}

/** The provider's own part, up to its answer. */
export async function passProvider(site: LoginSite, visit: LoginVisit): Promise<LoginVisit> {
  const isBack = (url: URL) => url.origin === site.origin
  const page = await visit.visitor.visit(visit.at, undefined, isBack)
  const form = formsOf(page).find(({ action }) => action.pathname.startsWith('/interaction/'))
  if (form === undefined) throw new Error(`nobody is asked for at ${page.url.href}`)
  const fields = { person: visit.person.subject }
  return { ...visit, at: (await visit.visitor.visit(form.action, fields, isBack)).url }
}

/** The provider's answer is taken. */
export async function finishLogin(site: LoginSite, visit: LoginVisit): Promise<LoginVisit> {
  const isThere = (url: URL) => url.pathname === DASHBOARD
  const { url, status, body } = await visit.visitor.visit(visit.at, undefined, isThere)
  if (url.href === `${site.origin}${DASHBOARD}`) return { ...visit, at: url }
  throw new Error(`a sign-in ended at ${url.href} with ${status}: ${body.slice(0, 500)}`)
}

/** The first page of who has signed in. */
export async function openDashboard(site: LoginSite, visit: LoginVisit): Promise<HttpVisitor> {
  const { body, status } = await visit.visitor.visit(visit.at)
  if (body.includes(site.shows(visit.person))) return visit.visitor
  throw new Error(`nobody is signed in at ${visit.at.href}: ${status}`)
}

/** All of it: a visitor who is signed in. */
export async function logIn(site: LoginSite, person: Person): Promise<HttpVisitor> {
  const started = await startLogin(site, person)
  return openDashboard(site, await finishLogin(site, await passProvider(site, started)))
}

export const gatewaySite = (origin: string): LoginSite => ({
  origin,
  startPath: '/auth/sso/login?return_to=/dashboard',
  shows: ({ name }) => name,
})
