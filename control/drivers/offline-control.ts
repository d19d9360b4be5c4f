/** The reading half of a control node over a folder in which none runs. Holds the ledger's lock while open. */
import { join } from 'node:path'
import { DiskBlobStore } from '#mesh-node/store'
import type { ControlService } from './control-service.ts'
import { openLedgerFolder } from './ledger-folder.ts'
import type { MeshFolder } from './mesh-folder.ts'
import { RecordedControl } from './recorded-control.ts'
import { replayFolder } from './replay-driver.ts'

export interface OfflineControl {
  readonly reader: Omit<ControlService, 'submit' | 'cancel' | 'follow'>
  close(): Promise<void>
}

export async function openOfflineControl(mesh: MeshFolder): Promise<OfflineControl> {
  const ledger = await openLedgerFolder(mesh)
  try {
    const blobs = await DiskBlobStore.open(join(mesh.folder, 'blobs'))
    const recorded = new RecordedControl(mesh.folder, ledger)
    return {
      reader: {
        status: async () => recorded.status(),
        result: async (session) => recorded.result(session),
        explain: async (unit) => recorded.explain(unit),
        replay: (session) => replayFolder(session, { folder: mesh.folder, ledger, blobs }),
        verifyLedger: () => recorded.verifyLedger(),
        balances: async () => recorded.balances(),
        bill: async (session) => recorded.bill(session),
        exportLedger: () => recorded.exportLedger()
      },
      close: () => ledger.close()
    }
  } catch (error) {
    await ledger.close()
    throw error
  }
}
