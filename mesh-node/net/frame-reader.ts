/**
 * Frames on a byte stream: a 4-byte big-endian length, then so many bytes. Cuts what arrives into
 * frames and refuses a length over the limit before it keeps a byte of it. A length costs no memory
 * until its bytes are there.
 */
import { Uint8ArrayList } from 'uint8arraylist'
import { FRAME_BYTES_MAX, MeshError } from '#contracts'

const FRAME_HEAD_BYTES = 4

export class FrameReader {
  readonly #frameBytesMax: number
  /** Parts of a frame (head included) that is not complete yet. */
  #parts: Uint8Array[] = []
  #partsBytes = 0
  /** Bytes that the parts need, head included, before there is something to cut. */
  #needed = FRAME_HEAD_BYTES

  constructor(frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#frameBytesMax = frameBytesMax
  }

  /** True between two frames: a stream that ends elsewhere was cut off. */
  get idle(): boolean {
    return this.#partsBytes === 0
  }

  /** Frames that these bytes complete; they share memory with `bytes`. Throws on a frame too large. */
  push(bytes: Uint8Array, deliver: (frame: Uint8Array) => void): void {
    let rest = bytes
    if (this.#partsBytes > 0) {
      this.#parts.push(bytes)
      this.#partsBytes += bytes.length
      if (this.#partsBytes < this.#needed) return
      rest = joinBytes(this.#parts, this.#partsBytes)
      this.#parts = []
      this.#partsBytes = 0
    }
    let offset = 0
    while (rest.length - offset >= FRAME_HEAD_BYTES) {
      const length = readHead(rest, offset)
      if (length > this.#frameBytesMax) {
        throw new MeshError('net.frame_too_large', { bytes: length, bytesMax: this.#frameBytesMax })
      }
      const end = offset + FRAME_HEAD_BYTES + length
      if (end > rest.length) break
      deliver(rest.subarray(offset + FRAME_HEAD_BYTES, end))
      offset = end
    }
    this.#keep(rest.subarray(offset))
  }

  #keep(rest: Uint8Array): void {
    if (rest.length === 0) return
    this.#parts.push(rest)
    this.#partsBytes = rest.length
    this.#needed = FRAME_HEAD_BYTES + (rest.length < FRAME_HEAD_BYTES ? 0 : readHead(rest, 0))
  }
}

/** A frame on its way out, in one part or two. */
export interface OutgoingFrame {
  readonly head: Uint8Array
  readonly body: Uint8Array | null
}

/** Parts over this size go out as they are; smaller ones are copied together. */
const COPY_BYTES_MAX = 32 * 1024

/** What a stream carries for these frames, as one message: a message becomes one write. */
export function joinFrames(frames: readonly OutgoingFrame[]): Uint8ArrayList {
  const joined = new Uint8ArrayList()
  let small: Uint8Array[] = []
  let smallBytes = 0
  const addSmall = (part: Uint8Array) => {
    small.push(part)
    smallBytes += part.length
  }
  const add = (part: Uint8Array) => {
    if (part.length <= COPY_BYTES_MAX) {
      addSmall(part)
      return
    }
    joined.append(joinBytes(small, smallBytes), part)
    small = []
    smallBytes = 0
  }
  for (const { head, body } of frames) {
    addSmall(frameHead(head.length + (body?.length ?? 0)))
    add(head)
    if (body !== null) add(body)
  }
  if (small.length > 0) joined.append(joinBytes(small, smallBytes))
  return joined
}

/** Not by arguments: a peer decides how many parts there are. */
function joinBytes(parts: readonly Uint8Array[], length: number): Uint8Array {
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

const frameHead = (length: number): Uint8Array =>
  Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length)

const readHead = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0
