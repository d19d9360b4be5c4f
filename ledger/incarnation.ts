/**
 * Which of an author's logs a store is: drawn once, when the store is new or was found to have gone back
 * in time, so that no log is ever begun twice. Draws nothing by itself.
 */
import { equalBytes, MeshError } from '#contracts'
import type { LogStore } from './store/log-store.ts'

const INCARNATION_BYTES = 32
const META_INCARNATION = 'incarnation'
/** Holds the incarnation whose log is over. */
export const META_ROLLED_BACK = 'rolled-back'

interface IncarnationOptions {
  /** 32 random bytes. */
  readonly incarnation: () => Uint8Array
  /** It begins no second log. */
  readonly isSequencer: boolean
}

/** The store's incarnation; a new one where the store is new or was found to have gone back in time. */
export async function openIncarnation(
  store: LogStore,
  { incarnation, isSequencer }: IncarnationOptions
): Promise<Uint8Array> {
  const kept = await store.meta(META_INCARNATION)
  const rolledBack = await store.meta(META_ROLLED_BACK)
  if (kept !== undefined && (rolledBack === undefined || !equalBytes(kept, rolledBack))) return kept
  if (kept !== undefined && isSequencer) {
    throw new MeshError('ledger.sequencer_store_lost', { why: 'the store went back in time' })
  }
  const made = incarnation()
  if (made.length !== INCARNATION_BYTES) {
    throw new MeshError('contracts.key_malformed', { bytes: made.length })
  }
  await store.writeMeta(META_INCARNATION, made)
  return made
}
