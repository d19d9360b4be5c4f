/** `kora identity`: by which peer id this folder is known, drawn now where it has no key yet. Never shows the key. */
import type { Exit } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { folderSigner } from '../../drivers/mesh-folder.ts'

export interface IdentityFlags {
  readonly data: string
  readonly json: boolean
}

export async function identity(
  { data, json }: IdentityFlags,
  { io }: CommandContext
): Promise<Exit> {
  const { peerId } = folderSigner(data)
  if (json) io.out(JSON.stringify({ peer_id: peerId, data }))
  else {
    io.out(`peer id  ${peerId}`)
    io.out(`to submit to another operator's mesh: kora up --allow ${peerId}, on their side`)
  }
  return 'ok'
}
