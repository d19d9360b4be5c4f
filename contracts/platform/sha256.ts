/** A SHA-256 over bytes that come in parts, as both platforms give it. */
export interface Sha256 {
  update(bytes: Uint8Array): void
  /** Of all that came so far; more may follow. */
  digest(): Uint8Array
}
