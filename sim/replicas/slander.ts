/**
 * What one that forked says of honest authors: messages for the topic of forks that show nothing, made of
 * heads that their authors did sign. Nobody may hold them against these.
 */
import { encodeCanonical, type LogId } from '#contracts'
import type { Ledger } from '#ledger'

/** Authors that it speaks of. */
const SLANDERED_MAX = 3

export async function slanders(ledger: Ledger, own: LogId): Promise<readonly Uint8Array[]> {
  const others = ledger.heads().filter(({ log }) => log !== own)
  const made: Uint8Array[] = []
  for (const { log, seq } of others.slice(0, SLANDERED_MAX)) {
    const first = await ledger.bundle(log, 0, 0)
    if (first === null) continue
    // the same word twice
    made.push(encodeCanonical({ v: 1, held: first.head, offered: first.head }))
    const next = first.entries.length
    const after = next > seq ? null : await ledger.bundle(log, next, 0)
    if (after === null) continue
    // two words of which one goes on from the other, with and without what shows that
    const two = { v: 1, held: first.head, offered: after.head }
    made.push(encodeCanonical({ ...two, entries: [...after.entries] }), encodeCanonical(two))
  }
  return made
}
