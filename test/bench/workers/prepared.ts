/** What `POST /prepare` of a peer answers: the headers that each of its people sends. */
export type Prepared = readonly Readonly<Record<string, string>>[]
