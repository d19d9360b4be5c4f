/**
 * What comes and goes about authors who said two things: the topic on which whoever finds it shows it to
 * all, and what linked peers show each other where that is too long for a message or went by. Passes on
 * nothing that was not checked here from its bytes alone.
 */
import {
  encodeSyncFrame,
  GOSSIP_BYTES_MAX,
  hexToBytes,
  type LogId,
  MeshError,
  type PeerId
} from '#contracts'
import type { NewsVerdict, SyncedForks, SyncLink } from './sync-ports.ts'

export interface ForkDoorPorts {
  readonly forks: SyncedForks
  readonly publish: (bytes: Uint8Array) => Promise<void>
  readonly refused: (peer: PeerId, error: MeshError) => void
}

export class ForkDoor {
  readonly #ports: ForkDoorPorts
  /** Delivered, and not stored yet. */
  readonly #taking = new Set<LogId>()

  constructor(ports: ForkDoorPorts) {
    this.#ports = ports
  }

  /** Whether a message of the topic is true, news, and of a log that is anybody's here. */
  validate(bytes: Uint8Array): NewsVerdict {
    const { forks } = this.#ports
    try {
      const { log } = forks.open(bytes)
      const isNews = !forks.has(log) && !this.#taking.has(log) && forks.concerns(log)
      return isNews ? 'accept' : 'ignore'
    } catch (error) {
      if (error instanceof MeshError) return 'reject'
      throw error
    }
  }

  /** Takes a message of the topic that was found valid. */
  deliver(bytes: Uint8Array, from: PeerId): void {
    const { forks, refused } = this.#ports
    const { log } = forks.open(bytes)
    this.#taking.add(log)
    forks
      .take(bytes)
      .catch((error: unknown) => {
        if (!(error instanceof MeshError)) throw error
        refused(from, error)
      })
      .finally(() => this.#taking.delete(log))
  }

  /** One message of a proof that was found here; what is longer is asked for over links. */
  async publish(proof: Uint8Array): Promise<void> {
    if (proof.length > GOSSIP_BYTES_MAX) return
    await this.#ports.publish(proof).catch((error: unknown) => {
      // nobody heard it; links make it good
      if (!(error instanceof Error)) throw error
    })
  }

  /** Sends a peer what it asked to see. */
  async show(log: LogId, to: SyncLink): Promise<void> {
    const proof = await this.#ports.forks.proof(log)
    if (proof === null) return
    const frame = encodeSyncFrame({ v: 1, t: 'proof', log: hexToBytes(log), proof })
    if (!to.send(frame)) await to.drained()
  }

  /** Takes what a peer showed of that log. */
  async take(log: LogId, proof: Uint8Array): Promise<void> {
    const { forks } = this.#ports
    const shown = forks.open(proof).log
    if (shown !== log) throw new MeshError('ledger.chain_broken', { log, what: 'of another log' })
    await forks.take(proof)
  }
}
