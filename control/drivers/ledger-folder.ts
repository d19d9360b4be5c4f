/**
 * Opens the ledger that lies in a data folder, on LevelDB, as the control node it belongs to. Begins
 * its log once: a ledger that is gone is not begun again.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { Ledger } from '#ledger'
import { checkLevelLogs, nodeVerifier } from '#mesh-node'
import { forgetIncarnation, incarnationOf, ledgerFolder, type MeshFolder } from './mesh-folder.ts'

/** Throws what `Ledger.open` throws: locked by a running control node, corrupted, of another mesh, lost. */
export async function openLedgerFolder(mesh: MeshFolder): Promise<Ledger> {
  const { folder, genesis, signer } = mesh
  // before LevelDB makes an empty store where one was
  if (!existsSync(join(ledgerFolder(folder), 'CURRENT'))) incarnationOf(mesh)
  checkLevelLogs(ledgerFolder(folder))
  const ledger = await Ledger.open({
    level: new ClassicLevel<Uint8Array, Uint8Array>(ledgerFolder(folder), {
      keyEncoding: 'view',
      valueEncoding: 'view'
    }),
    genesis,
    signer,
    verifier: nodeVerifier,
    incarnation: () => incarnationOf(mesh),
    isSequencer: true
  })
  forgetIncarnation(mesh)
  return ledger
}
