/**
 * Where a command's answers come from: the running control node of the data folder; where none runs,
 * what lies in the folder; and the control node of another operator, where `--mesh` names a mesh that
 * is not the folder's.
 */
import { MeshError } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { type ControlFile, findControl } from '../../drivers/control-file.ts'
import type { SessionService } from '../../drivers/control-service.ts'
import { HttpControl } from '../../drivers/http-client.ts'
import { isMeshFolder, meshNamed, openMeshFolder, ownMesh } from '../../drivers/mesh-folder.ts'
import type { OfflineControl } from '../../drivers/offline-control.ts'
import { type ControlFlags, controlSettings } from './control-options.ts'

/** What the ledger's verbs ask: of the folder alone. */
export type Reader = OfflineControl['reader']

/** Which mesh a command asks, by its flags. */
export type MeshFlags = Pick<ControlFlags, 'data' | 'mesh' | 'bootstrap' | 'config'>

export type Place =
  | { readonly kind: 'running'; readonly file: ControlFile }
  | { readonly kind: 'folder' }
  /** Another operator's mesh, as it was named. */
  | { readonly kind: 'elsewhere'; readonly mesh: string }

/** Where the mesh that was named is; null: whichever is the folder's. */
export async function placeOf(data: string, mesh: string | null): Promise<Place> {
  const named = mesh === null ? null : meshNamed(mesh)
  const file = await findControl(data)
  const own = file?.mesh ?? ownMesh(data)
  if (mesh !== null && named !== own) return { kind: 'elsewhere', mesh }
  return file === null ? { kind: 'folder' } : { kind: 'running', file }
}

/** Runs `use` on the folder's control node, and lets go of what was opened for it. */
export async function withReader<T>(
  dataFolder: string,
  use: (reader: Reader) => Promise<T>
): Promise<T> {
  const running = await findControl(dataFolder)
  return running === null ? withFolder(dataFolder, use) : use(new HttpControl(running))
}

/** As `withReader`, and of another operator's mesh where the flags name one. */
export async function withSessions<T>(
  flags: MeshFlags,
  context: CommandContext,
  use: (reader: Omit<SessionService, 'submit' | 'cancel' | 'follow'>) => Promise<T>
): Promise<T> {
  const { data, mesh } = settingsOf(flags)
  const place = await placeOf(data, mesh)
  return place.kind === 'folder' ? withFolder(data, use) : withRunning(flags, context, use)
}

/** A control node that runs, here or elsewhere: only such a one can cancel and follow. */
export async function withRunning<T>(
  flags: MeshFlags,
  { io, signal }: CommandContext,
  use: (control: SessionService) => Promise<T>
): Promise<T> {
  const { data, mesh, bootstrap } = settingsOf(flags)
  const place = await placeOf(data, mesh)
  switch (place.kind) {
    case 'folder':
      throw new MeshError('control.not_running', { folder: data })
    case 'running':
      return use(new HttpControl(place.file))
    case 'elsewhere': {
      const { joinControl } = await import('../../drivers/join-control.ts')
      const remote = await joinControl({ data, mesh: place.mesh, bootstrap, signal, say: io.err })
      try {
        return await use(remote)
      } finally {
        await remote.close()
      }
    }
  }
}

async function withFolder<T>(folder: string, use: (reader: Reader) => Promise<T>): Promise<T> {
  if (!isMeshFolder(folder)) throw new MeshError('control.no_mesh', { folder })
  const { openOfflineControl } = await import('../../drivers/offline-control.ts')
  const offline = await openOfflineControl(openMeshFolder(folder))
  try {
    return await use(offline.reader)
  } finally {
    await offline.close()
  }
}

const settingsOf = (flags: MeshFlags): ReturnType<typeof controlSettings> =>
  controlSettings({ ...flags, listen: [], localNodes: 0 })
