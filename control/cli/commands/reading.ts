/**
 * Where the commands that only ask get their answers: from the running control node of a data
 * folder, or, where none runs, from what lies in the folder.
 */
import { MeshError } from '#contracts'
import { findControl } from '../../drivers/control-file.ts'
import type { ControlService } from '../../drivers/control-service.ts'
import { HttpControl } from '../../drivers/http-client.ts'
import { isMeshFolder, openMeshFolder } from '../../drivers/mesh-folder.ts'

export type Reader = Omit<ControlService, 'submit' | 'cancel'>

/** Runs `use` on the folder's control node, and lets go of what was opened for it. */
export async function withReader<T>(
  dataFolder: string,
  use: (reader: Reader) => Promise<T>
): Promise<T> {
  const running = await findControl(dataFolder)
  if (running !== null) return use(new HttpControl(running))
  if (!isMeshFolder(dataFolder)) throw new MeshError('control.no_mesh', { folder: dataFolder })
  const { openOfflineControl } = await import('../../drivers/offline-control.ts')
  const offline = await openOfflineControl(openMeshFolder(dataFolder))
  try {
    return await use(offline.reader)
  } finally {
    await offline.close()
  }
}

/** The running control node; only it can cancel and follow. */
export async function runningControl(dataFolder: string): Promise<HttpControl> {
  const running = await findControl(dataFolder)
  if (running === null) throw new MeshError('control.not_running', { folder: dataFolder })
  return new HttpControl(running)
}
