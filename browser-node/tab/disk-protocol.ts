/**
 * What a page and its disk worker say to each other, and where a blob lies in the origin's private
 * files. A blob counts once its mark is there; bytes without a mark are a part of a blob.
 */
import type { Cid } from '#contracts'

export const DISK_FOLDER = 'kora-blobs'
export const BYTES_FOLDER = 'bytes'
export const MARKS_FOLDER = 'marks'

/** From the root of the origin's private files: what `HeldBlob.path` says in a tab. */
export const privatePath = (cid: Cid): string => `${DISK_FOLDER}/${BYTES_FOLDER}/${cid}`

export interface DiskContents {
  readonly blobs: readonly {
    readonly cid: string
    readonly size: number
    readonly usedAtMs: number
  }[]
  readonly partials: readonly string[]
}

/** Each call with its answer. */
export interface DiskCalls {
  open(args: { readonly nowMs: number }): DiskContents
  write(args: { readonly cid: Cid; readonly bytes: Uint8Array }): null
  digest(args: { readonly cid: Cid }): { readonly digest: Uint8Array; readonly size: number }
  remove(args: { readonly cid: Cid }): boolean
  touch(args: { readonly cid: Cid }): null
  partOpen(args: { readonly cid: Cid }): number
  partWrite(args: { readonly cid: Cid; readonly bytes: Uint8Array }): null
  /** Whether the part hashes to this digest and is a blob from now on. */
  partCommit(args: { readonly cid: Cid; readonly digest: Uint8Array }): boolean
  partDigest(args: { readonly cid: Cid; readonly from: number; readonly to: number }): Uint8Array
  /** Lets go of a part; kept for a later writer, or removed. */
  partClose(args: { readonly cid: Cid; readonly keep: boolean }): null
}
export type DiskCall = keyof DiskCalls
export type DiskArgs<C extends DiskCall> = Parameters<DiskCalls[C]>[0]
export type DiskAnswer<C extends DiskCall> = ReturnType<DiskCalls[C]>

export type DiskRequest = {
  [C in DiskCall]: { readonly id: number; readonly call: C; readonly args: DiskArgs<C> }
}[DiskCall]

export type DiskReply =
  | { readonly id: number; readonly answer: ReturnType<DiskCalls[DiskCall]> }
  | { readonly id: number; readonly fault: { readonly name: string; readonly message: string } }
