/**
 * What the gateway driver adds for a mesh that checks its nodes: standings compared, the secret by which
 * its machine draws who is checked, and the question whether a unit may have another result.
 */
import { type MeshId, type Signer, sha256 } from '#contracts'
import type { GatewayOptions, NodeStanding } from '#mesh-node/core'
import type { GatewayPorts } from './ports.ts'

export const sameStanding = (standing: NodeStanding, before: NodeStanding | undefined): boolean =>
  before?.state === standing.state && before.trustMilli === standing.trustMilli

/** The secret by which checks are drawn, and the way back of a unit's result. */
export const checking = (
  mesh: MeshId,
  { signer, onSignal }: Pick<GatewayPorts, 'signer' | 'onSignal'>
): Required<Pick<GatewayOptions, 'secret' | 'mayCorrect'>> => ({
  secret: checkSecret(mesh, signer),
  mayCorrect(session, unit) {
    let isTaken = false
    const take = (): void => {
      isTaken = true
    }
    onSignal({ type: 'reclaim', session, unit, take })
    return isTaken
  }
})

/** Known to nobody but the holder of the key, who shows this signature to nobody. */
const checkSecret = (mesh: MeshId, signer: Signer): Uint8Array =>
  sha256(signer.sign(new TextEncoder().encode(`kora/check-secret/v1\0${mesh}`)))
