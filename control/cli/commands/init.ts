/** `kora init`: makes a mesh in a folder: the operator's key and the signed genesis. */

import { type Exit, parsePeerId } from '#contracts'
import type { CommandContext } from '#mesh-node/cli'
import { createMeshFolder, genesisFile } from '../../drivers/mesh-folder.ts'

export interface InitFlags {
  readonly name: string
  readonly tenant: string
  readonly grant: number
  readonly trust: string
  readonly trusted?: readonly string[]
  readonly data: string
  readonly json: boolean
}

export async function init(flags: InitFlags, { io }: CommandContext): Promise<Exit> {
  const { name, tenant, grant: grantMicro, trust } = flags
  const trusted = (flags.trusted ?? []).map(parsePeerId)
  const settings = { name, tenant, grantMicro, trust, trusted }
  const { genesis, signer } = createMeshFolder(flags.data, settings, Date.now())
  const file = genesisFile(flags.data)
  if (flags.json) {
    io.out(
      JSON.stringify({
        mesh: genesis.id,
        peer_id: signer.peerId,
        genesis: file,
        tenants: genesis.genesis.tenants,
        trust: genesis.genesis.policies.trust
      })
    )
  } else {
    io.out(`mesh ${genesis.id}`)
    io.out(`operator ${signer.peerId}`)
    io.out(`trust ${genesis.genesis.policies.trust}: docs/trust.md says what it does`)
    io.out(`genesis ${file}: give this file, or the mesh id, to whoever joins`)
    io.out(`next: kora up --data ${flags.data}`)
  }
  return 'ok'
}
