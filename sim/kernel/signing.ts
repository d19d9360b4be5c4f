/**
 * Who signs in the simulated mesh, and who checks it. Ids are the same whoever signs, so that a run with
 * real Ed25519 is the run with the keyed hash, event for event, and only its signatures differ. The hash
 * cannot be forged by anybody in the mesh: its secrets are here and nowhere else.
 */
import {
  type Attestation,
  encodeAttestation,
  type MeshId,
  type OpenedResults,
  openResults,
  type PeerId,
  resultsOf,
  type Signer,
  sha256,
  signedBy,
  signResults,
  tweetnaclSigner,
  tweetnaclVerifier,
  type Verifier
} from '#contracts'

/** `hash`: cheap, and made only where somebody reads it. `ed25519`: every message, for small meshes. */
export const SIGNERS = ['hash', 'ed25519'] as const
export type SignerKind = (typeof SIGNERS)[number]

const utf8 = new TextEncoder()

/** All keys of a mesh, each made when it is first asked for. */
export class Keys implements Verifier {
  readonly kind: SignerKind
  readonly #seed: number
  readonly #signers = new Map<PeerId, Signer>()
  /** Ed25519: the key behind each id. */
  readonly #real = new Map<PeerId, PeerId>()

  constructor(kind: SignerKind, seed: number) {
    this.kind = kind
    this.#seed = seed
  }

  signerOf(peerId: PeerId): Signer {
    const known = this.#signers.get(peerId)
    if (known !== undefined) return known
    const secret = sha256(utf8.encode(`${this.#seed}\0${peerId}`))
    const signer = this.kind === 'hash' ? hashSigner(peerId, secret) : this.#ed25519(peerId, secret)
    this.#signers.set(peerId, signer)
    return signer
  }

  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
    const signer = this.signerOf(peerId)
    if (this.kind === 'hash') {
      const expected = signer.sign(bytes)
      return (
        signature.length === expected.length && signature.every((byte, at) => byte === expected[at])
      )
    }
    const real = this.#real.get(peerId)
    return real !== undefined && tweetnaclVerifier.verify(real, bytes, signature)
  }

  #ed25519(peerId: PeerId, secret: Uint8Array): Signer {
    const real = tweetnaclSigner(secret)
    this.#real.set(peerId, real.peerId)
    return { peerId, sign: (bytes) => real.sign(bytes) }
  }
}

/** SHA-256 over secret and bytes, and over that and the secret: as long as an Ed25519 signature. */
function hashSigner(peerId: PeerId, secret: Uint8Array): Signer {
  return {
    peerId,
    sign(bytes) {
      const keyed = new Uint8Array(secret.length + bytes.length)
      keyed.set(secret)
      keyed.set(bytes, secret.length)
      const first = sha256(keyed)
      const signature = new Uint8Array(2 * first.length)
      signature.set(first)
      signature.set(sha256(Uint8Array.of(...first, ...secret)), first.length)
      return signature
    }
  }
}

/** Results on their way to the gateway, as the node at the other end of the link sent them. */
export interface SealedResults {
  readonly attestations: readonly Attestation[]
  /** Throws contracts.signature_invalid or attestation.signer_mismatch. */
  open(): OpenedResults
}

export interface SealOptions {
  readonly keys: Keys
  readonly mesh: MeshId
  readonly node: PeerId
}

export function sealResults(
  attestations: readonly Attestation[],
  { keys, mesh, node }: SealOptions
): SealedResults {
  const signer = keys.signerOf(node)
  const sign = () => signResults(attestations.map(encodeAttestation), { mesh, signer })
  if (keys.kind === 'ed25519') {
    const { head, items } = sign()
    const open = () => openResults({ head, attestations: [...items] }, { mesh, verifier: keys })
    return { attestations, open }
  }
  return {
    attestations,
    open() {
      for (const attestation of attestations) signedBy(attestation, node)
      let signed: OpenedResults | null = null
      return {
        attestations,
        receipt: (index) => {
          signed ??= resultsOf(sign())
          return signed.receipt(index)
        }
      }
    }
  }
}
