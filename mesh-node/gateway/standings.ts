/**
 * What the gateway driver keeps of nodes' standings, and the secret by which its machine draws who is
 * checked. Decides nothing about trust.
 */
import { type MeshId, type Signer, sha256 } from '#contracts'
import type { NodeStanding } from '#mesh-node/core'

export const sameStanding = (standing: NodeStanding, before: NodeStanding | undefined): boolean =>
  before?.state === standing.state && before.trustMilli === standing.trustMilli

/** Known to nobody but the holder of the key, who shows this signature to nobody. */
export const checkSecret = (mesh: MeshId, signer: Signer): Uint8Array =>
  sha256(signer.sign(new TextEncoder().encode(`kora/check-secret/v1\0${mesh}`)))
