/**
 * Who signs in the simulated mesh, and who checks it. Ids are the same whoever signs, so that a run with
 * real Ed25519 is the run with the keyed hash, event for event, and only its signatures differ. The hash
 * cannot be forged by anybody in the mesh: its secrets are here and nowhere else.
 */
import {
  type Attestation,
  encodeAttestation,
  equalBytes,
  type MeshId,
  type OpenedResults,
  openResults,
  type PeerId,
  type Receipt,
  receiptsOf,
  type Signer,
  sha256,
  signedBy,
  signResults,
  tweetnaclSigner,
  tweetnaclVerifier,
  type Verifier
} from '#contracts'
import { mix } from './rolling-trace.ts'

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
      return equalBytes(signature, signer.sign(bytes))
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

const SIGNATURE_WORDS = 16

/**
 * Two rolling words over the bytes, begun and ended with the secret, and sixteen words drawn from them:
 * as long as an Ed25519 signature. Each step is one to one in what it takes, so that a byte that is
 * another is always seen; whoever can compute it can forge it, and in the mesh nobody does.
 */
function hashSigner(peerId: PeerId, secret: Uint8Array): Signer {
  const words = new Int32Array(secret.buffer.slice(secret.byteOffset, secret.byteOffset + 32))
  return {
    peerId,
    sign(bytes) {
      let a = words[0] ?? 0
      let b = words[1] ?? 0
      for (let at = 0; at < bytes.length; at += 4) {
        // beyond the end there are noughts, and the length is taken at last
        const word =
          (bytes[at] ?? 0) |
          ((bytes[at + 1] ?? 0) << 8) |
          ((bytes[at + 2] ?? 0) << 16) |
          ((bytes[at + 3] ?? 0) << 24)
        a = mix(a, word)
        b = mix(b ^ a, word)
      }
      a = mix(a, bytes.length)
      const signature = new Uint8Array(4 * SIGNATURE_WORDS)
      for (let at = 0; at < SIGNATURE_WORDS; at++) {
        a = mix(a ^ b, words[at & 7] ?? 0)
        b = mix(b, a ^ at)
        signature[4 * at] = b
        signature[4 * at + 1] = b >>> 8
        signature[4 * at + 2] = b >>> 16
        signature[4 * at + 3] = b >>> 24
      }
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
      let prove: ((index: number) => Receipt) | null = null
      return {
        attestations,
        receipt: (index) => {
          prove ??= receiptsOf(sign())
          return prove(index)
        }
      }
    }
  }
}
