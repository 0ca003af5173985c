/** Where the platform should place an object that is first asked for from a continent (`request.cf.continent`). */
export const locationHintOf = (
  continent: string | undefined,
): DurableObjectLocationHint | undefined => (continent === undefined ? undefined : HINTS[continent])

const HINTS: Readonly<Record<string, DurableObjectLocationHint>> = {
  AF: 'afr',
  AN: 'oc',
  AS: 'apac',
  EU: 'weur',
  NA: 'enam',
  OC: 'oc',
  SA: 'sam',
}
