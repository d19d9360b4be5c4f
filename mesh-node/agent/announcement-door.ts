/** Announcements on the gossip topic: checked once, when they arrive, and handed on if they may bind this node. */
import {
  type AnnouncementMessage,
  MeshError,
  type MeshId,
  openAnnouncement,
  type PeerId,
  type Verifier
} from '#contracts'
import type { GossipVerdict, TopicHandler } from '../net/ports.ts'

export interface AnnouncementDoorOptions {
  readonly mesh: MeshId
  readonly verifier: Verifier
  readonly authorized: readonly PeerId[] | null
  readonly take: (body: AnnouncementMessage) => void
}

export class AnnouncementDoor implements TopicHandler {
  readonly #options: AnnouncementDoorOptions
  /** Between check and delivery. */
  readonly #opened = new WeakMap<Uint8Array, AnnouncementMessage>()

  constructor(options: AnnouncementDoorOptions) {
    this.#options = options
  }

  validate(bytes: Uint8Array): GossipVerdict {
    const { authorized } = this.#options
    try {
      const body = openAnnouncement(bytes, this.#options)
      if (authorized !== null && !authorized.includes(body.gateway)) return 'ignore'
      this.#opened.set(bytes, body)
      return 'accept'
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      return 'reject'
    }
  }

  deliver(bytes: Uint8Array): void {
    const body = this.#opened.get(bytes)
    if (body !== undefined) this.#options.take(body)
  }
}
