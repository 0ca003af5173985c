/** The one thing that is taken from the runtime's Node.js half: what Web Crypto does not have. */
interface NodeCrypto {
  /** RFC 7914. `maxmem` is in bytes, and has to be more than 128 * N * r. */
  readonly scrypt: (
    password: Uint8Array,
    salt: Uint8Array,
    keyLength: number,
    options: {
      readonly N: number
      readonly r: number
      readonly p: number
      readonly maxmem: number
    },
    callback: (error: Error | null, derived: Uint8Array) => void,
  ) => void
}

declare const process: { getBuiltinModule(id: 'node:crypto'): NodeCrypto }
