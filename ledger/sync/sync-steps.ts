/**
 * What the sync machine takes and gives: its inputs and effects. Types alone; the machine decides and
 * the driver acts.
 */
import type { LogId, SyncFrame } from '#contracts'
import type { LogHead } from '../ledger.ts'

/** A link, by the number that the driver gave it. */
export type LinkNumber = number

export type SyncInput = { readonly nowMs: number } & (
  | { readonly type: 'opened'; readonly link: LinkNumber }
  | { readonly type: 'closed'; readonly link: LinkNumber }
  | { readonly type: 'frame'; readonly link: LinkNumber; readonly frame: SyncFrame }
  /** A batch was stored here. */
  | { readonly type: 'held'; readonly head: LogHead }
  /** A peer is heard to hold a log up to here. */
  | {
      readonly type: 'heard'
      readonly link: LinkNumber
      readonly log: LogId
      readonly seq: number
    }
  /** A request of a peer was answered. */
  | { readonly type: 'served'; readonly link: LinkNumber }
  /** What a peer sent was stored. */
  | { readonly type: 'applied'; readonly link: LinkNumber; readonly log: LogId }
  /** What a peer sent was refused, by its fault or not. */
  | {
      readonly type: 'refused'
      readonly link: LinkNumber
      readonly log: LogId
      readonly isPeersFault: boolean
    }
  /** That log's author said two things, and here is what shows it; `isProvable`: to peers as well. */
  | { readonly type: 'forked'; readonly log: LogId; readonly isProvable: boolean }
  /** A peer got what shows it. */
  | { readonly type: 'shown'; readonly link: LinkNumber }
  /** What a peer showed was looked at. */
  | {
      readonly type: 'taken'
      readonly link: LinkNumber
      readonly log: LogId
      readonly isPeersFault: boolean
    }
  | { readonly type: 'tick' }
)

export type SyncEffect =
  | { readonly type: 'send'; readonly link: LinkNumber; readonly frame: SyncFrame }
  | {
      readonly type: 'serve'
      readonly link: LinkNumber
      readonly log: LogId
      readonly from: number
      readonly bytesMax: number
    }
  | {
      readonly type: 'apply'
      readonly link: LinkNumber
      readonly log: LogId
      /** What was asked for begins there. */
      readonly from: number
      readonly head: Uint8Array
      readonly entries: readonly Uint8Array[]
    }
  /** Send the peer what shows that the log's author said two things. */
  | { readonly type: 'show'; readonly link: LinkNumber; readonly log: LogId }
  /** Look at what a peer shows of that. */
  | {
      readonly type: 'take'
      readonly link: LinkNumber
      readonly log: LogId
      readonly proof: Uint8Array
    }
  | { readonly type: 'close'; readonly link: LinkNumber; readonly reason: SyncCloseReason }
  /** Nothing that this peer holds is missing here. */
  | { readonly type: 'synced'; readonly link: LinkNumber }
  | { readonly type: 'timer'; readonly atMs: number }

export type SyncCloseReason = 'too_many_peers' | 'too_many_requests' | 'faults' | 'unasked'
