/**
 * The heads of CBOR items (RFC 8949 section 3): major type and argument, in their one shortest
 * form. Shared by what is assembled by hand; knows nothing of values.
 */

export const MAJOR = {
  unsigned: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7
} as const
export type Major = (typeof MAJOR)[keyof typeof MAJOR]

const TWO_32 = 0x1_0000_0000

/** How many bytes the head of an argument below 2^53 takes. */
export function headLength(argument: number): number {
  if (argument < 24) return 1
  if (argument < 0x100) return 2
  if (argument < 0x1_0000) return 3
  return argument < TWO_32 ? 5 : 9
}

/** Writes the shortest head and returns the offset behind it. */
export function writeHead(
  target: Uint8Array,
  offset: number,
  major: Major,
  argument: number
): number {
  const first = major << 5
  if (argument < 24) {
    target[offset] = first | argument
    return offset + 1
  }
  if (argument < 0x100) {
    target[offset] = first | 24
    target[offset + 1] = argument
    return offset + 2
  }
  const length = headLength(argument)
  target[offset] = first | (24 + Math.log2(length - 1))
  let rest = argument
  for (let at = offset + length - 1; at > offset; at--) {
    target[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return offset + length
}

/** Writes a whole byte string and returns the offset behind it. */
export function writeBytes(target: Uint8Array, offset: number, bytes: Uint8Array): number {
  const start = writeHead(target, offset, MAJOR.bytes, bytes.length)
  target.set(bytes, start)
  return start + bytes.length
}

/** Where the content of a byte or text string lies. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The content of a string of this major type, or undefined if its head or length is not right. */
export function readString(bytes: Uint8Array, offset: number, major: Major): Span | undefined {
  const first = bytes[offset]
  if (first === undefined || first >> 5 !== major) return undefined
  const minor = first & 31
  if (minor > 27) return undefined
  const length = minor < 24 ? 1 : 1 + 2 ** (minor - 24)
  if (offset + length > bytes.length) return undefined
  let argument = minor < 24 ? minor : 0
  for (let at = offset + 1; at < offset + length; at++) argument = argument * 256 + (bytes[at] ?? 0)
  const start = offset + length
  if (headLength(argument) !== length || argument > bytes.length - start) return undefined
  return { start, end: start + argument }
}
