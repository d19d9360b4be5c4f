/**
 * The frames of a blob link, version 1. Whoever opened the link asks, the other end serves. Numbers
 * are big-endian; a frame whose length is not exactly its kind's is refused. Nothing is signed: the
 * connection names the peer and the blob's id proves its bytes.
 *
 *   1 request   id u32, offset u64, cid as text
 *   2 header    id u32, size u64        the whole blob's size; chunks from `offset` follow
 *   3 chunk     id u32, bytes
 *   4 credit    id u32, chunks u16      so many more chunks may be on the way
 *   5 refusal   id u32, reason u8
 *   6 cancel    id u32
 *
 * There is no list of chunk hashes. Such a list would be one more claim of the same peer, true only
 * if the whole is; a blob that comes from one peer is judged by its id alone, and where parts came
 * from several, the parts are compared with the right bytes once those are here.
 */
import { BLOB_CHUNK_BYTES, type Cid, MeshError, parseCid } from '#contracts'

export const REFUSALS = ['not_found', 'busy', 'offset', 'failed'] as const
export type Refusal = (typeof REFUSALS)[number]

export type BlobFrame =
  | { readonly type: 'request'; readonly id: number; readonly offset: number; readonly cid: Cid }
  | { readonly type: 'header'; readonly id: number; readonly size: number }
  | { readonly type: 'chunk'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'credit'; readonly id: number; readonly chunks: number }
  | { readonly type: 'refusal'; readonly id: number; readonly reason: Refusal }
  | { readonly type: 'cancel'; readonly id: number }

const KINDS = { request: 1, header: 2, chunk: 3, credit: 4, refusal: 5, cancel: 6 } as const
const CID_CHARS = 59
const HEAD_BYTES = 5

export function encodeBlobFrame(frame: BlobFrame): Uint8Array {
  switch (frame.type) {
    case 'request': {
      const bytes = head(frame, 8 + CID_CHARS)
      viewOf(bytes).setBigUint64(HEAD_BYTES, BigInt(frame.offset))
      bytes.set(new TextEncoder().encode(frame.cid), HEAD_BYTES + 8)
      return bytes
    }
    case 'header': {
      const bytes = head(frame, 8)
      viewOf(bytes).setBigUint64(HEAD_BYTES, BigInt(frame.size))
      return bytes
    }
    case 'chunk': {
      const bytes = head(frame, frame.bytes.length)
      bytes.set(frame.bytes, HEAD_BYTES)
      return bytes
    }
    case 'credit': {
      const bytes = head(frame, 2)
      viewOf(bytes).setUint16(HEAD_BYTES, frame.chunks)
      return bytes
    }
    case 'refusal': {
      const bytes = head(frame, 1)
      bytes[HEAD_BYTES] = REFUSALS.indexOf(frame.reason)
      return bytes
    }
    case 'cancel':
      return head(frame, 0)
  }
}

/** The head of a chunk frame, for a sender who hands the bytes on as they are. */
export const chunkHead = (id: number, bytes: Uint8Array): Uint8Array =>
  head({ type: 'chunk', id, bytes }, 0)

export function decodeBlobFrame(raw: Uint8Array): BlobFrame {
  if (raw.length < HEAD_BYTES) throw malformed('shorter than a frame', raw.length)
  const bytes = viewOf(raw)
  const id = bytes.getUint32(1)
  const rest = raw.length - HEAD_BYTES
  const kind = raw[0] ?? 0
  switch (kind) {
    case KINDS.request:
      expect(rest === 8 + CID_CHARS, 'request', rest)
      return {
        type: 'request',
        id,
        offset: readSize(bytes),
        cid: parseCid(readText(raw.subarray(HEAD_BYTES + 8)))
      }
    case KINDS.header:
      expect(rest === 8, 'header', rest)
      return { type: 'header', id, size: readSize(bytes) }
    case KINDS.chunk:
      expect(rest > 0 && rest <= BLOB_CHUNK_BYTES, 'chunk', rest)
      return { type: 'chunk', id, bytes: raw.subarray(HEAD_BYTES) }
    case KINDS.credit:
      expect(rest === 2, 'credit', rest)
      return { type: 'credit', id, chunks: bytes.getUint16(HEAD_BYTES) }
    case KINDS.refusal: {
      const reason = REFUSALS[raw[HEAD_BYTES] ?? REFUSALS.length]
      if (rest !== 1 || reason === undefined) throw malformed('refusal', rest)
      return { type: 'refusal', id, reason }
    }
    case KINDS.cancel:
      expect(rest === 0, 'cancel', rest)
      return { type: 'cancel', id }
    default:
      throw new MeshError('wire.kind_unknown', { byte: kind })
  }
}

function head({ type, id }: BlobFrame, rest: number): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + rest)
  bytes[0] = KINDS[type]
  viewOf(bytes).setUint32(1, id)
  return bytes
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength)

/** One byte, one character: what is no id of a blob stays none. */
const readText = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

function readSize(bytes: DataView): number {
  const size = bytes.getBigUint64(HEAD_BYTES)
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('size', bytes.byteLength)
  return Number(size)
}

function expect(holds: boolean, kind: string, bytes: number): void {
  if (!holds) throw malformed(kind, bytes)
}

const malformed = (kind: string, bytes: number): MeshError =>
  new MeshError('wire.message_malformed', { protocol: 'blob', kind, bytes })
