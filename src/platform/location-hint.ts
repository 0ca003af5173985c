/** How an object is asked for that should stand near to a continent (`request.cf.continent`), if that is known. */
export function placedNear(continent: string | undefined): {
  readonly locationHint?: DurableObjectLocationHint
} {
  const locationHint = continent === undefined ? undefined : HINTS[continent]
  return locationHint === undefined ? {} : { locationHint }
}

/** The platform looks at it when the object is created, and never again. */
const HINTS: Readonly<Record<string, DurableObjectLocationHint>> = {
  AF: 'afr',
  AN: 'oc',
  AS: 'apac',
  EU: 'weur',
  NA: 'enam',
  OC: 'oc',
  SA: 'sam',
}
