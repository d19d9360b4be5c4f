/**
 * One `Range` header (RFC 9110, section 14): which bytes it asks for. Several ranges at once, or a
 * unit that is not bytes, count as none asked, as the RFC allows.
 */

/** `to` is exclusive. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** Null: send everything. */
export function readRange(
  header: string | undefined,
  size: number
): ByteRange | 'unsatisfiable' | null {
  const parts = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '')
  if (parts === null) return null
  const [, first = '', last = ''] = parts
  if (first === '' && last === '') return null
  // the last so many bytes
  if (first === '') return last === '0' ? 'unsatisfiable' : within(size - Number(last), size, size)
  if (last !== '' && Number(last) < Number(first)) return null
  return within(Number(first), last === '' ? size : Number(last) + 1, size)
}

const within = (from: number, to: number, size: number): ByteRange | 'unsatisfiable' =>
  from >= size ? 'unsatisfiable' : { from: Math.max(0, from), to: Math.min(to, size) }
