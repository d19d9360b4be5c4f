/** What is proved of the ledger when a run is over: other replicas come to the same, and none is misled. */

import type { Broken } from '../checks/book.ts'
import { checkReplica } from '../checks/replica.ts'
import { checkSaidTwice } from '../checks/said-twice.ts'
import type { Chance } from '../kernel/chance.ts'
import { MemoryLevel } from '../kernel/memory-level.ts'
import type { Sequencer } from './sequencer.ts'

export async function proveLedger(
  sequencer: Sequencer,
  { chance, broken }: { readonly chance: Chance; readonly broken: Broken }
): Promise<void> {
  const { log, genesis, keys, entries, fold, gateway, incarnation } = sequencer
  if (entries.length === 0) return
  checkSaidTwice({ log, genesis, keys, entries, fold }, broken)
  const signer = keys.signerOf(gateway)
  const digest = fold.digest()
  await checkReplica(
    { log, genesis, signer, verifier: keys, incarnation, entries, digest },
    { signerOf: (peer) => keys.signerOf(peer), level: new MemoryLevel(), chance, broken }
  )
}
