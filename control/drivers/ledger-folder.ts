/** Opens the ledger that lies in a data folder, on LevelDB, as the control node it belongs to. */
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { Ledger } from '#ledger'
import { nodeVerifier } from '#mesh-node'
import type { MeshFolder } from './mesh-folder.ts'

/** Throws what `Ledger.open` throws: locked by a running control node, corrupted, of another mesh. */
export function openLedgerFolder({
  folder,
  genesis,
  signer,
  incarnation
}: MeshFolder): Promise<Ledger> {
  return Ledger.open({
    level: new ClassicLevel<Uint8Array, Uint8Array>(join(folder, 'ledger'), {
      keyEncoding: 'view',
      valueEncoding: 'view'
    }),
    genesis,
    signer,
    verifier: nodeVerifier,
    incarnation: () => incarnation,
    isSequencer: true
  })
}
