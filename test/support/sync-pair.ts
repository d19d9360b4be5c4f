/**
 * Two ends of a link in memory, in order and one turn late, as a stream is; and a gossip topic on
 * which everybody hears everybody. Counts the bytes that crossed.
 */
import type { PeerId } from '#contracts'
import { type Ledger, LedgerSync, type SyncLink, type SyncPorts } from '#ledger'
import { nodeVerifier } from '../../mesh-node/keys/node-signer.ts'

export class LinkEnd implements SyncLink {
  readonly peer: PeerId
  readonly sent: Uint8Array[] = []
  #other: LinkEnd | null = null
  #listener: ((frame: Uint8Array) => void) | null = null
  #closed: ((fault: null) => void)[] = []
  #waiting: Uint8Array[] = []
  isOpen = true

  constructor(peer: PeerId) {
    this.peer = peer
  }

  join(other: LinkEnd): void {
    this.#other = other
  }

  send(frame: Uint8Array): boolean {
    if (!this.isOpen) return true
    this.sent.push(frame)
    const other = this.#other
    setImmediate(() => other?.hear(frame))
    return true
  }

  hear(frame: Uint8Array): void {
    if (!this.isOpen) return
    if (this.#listener === null) this.#waiting.push(frame)
    else this.#listener(frame)
  }

  drained(): Promise<void> {
    return Promise.resolve()
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    this.#listener = listener
    for (const frame of this.#waiting.splice(0)) listener(frame)
  }

  onClose(listener: (fault: null) => void): void {
    this.#closed.push(listener)
  }

  close(): Promise<void> {
    if (this.isOpen) {
      this.isOpen = false
      for (const listener of this.#closed) listener(null)
      const other = this.#other
      setImmediate(() => void other?.close())
    }
    return Promise.resolve()
  }

  get bytesSent(): number {
    return this.sent.reduce((sum, frame) => sum + frame.length, 0)
  }
}

/** A link between two peers, each end named after the peer at the other. */
export function linkPair(a: PeerId, b: PeerId): readonly [LinkEnd, LinkEnd] {
  const [toB, toA] = [new LinkEnd(b), new LinkEnd(a)]
  toB.join(toA)
  toA.join(toB)
  return [toB, toA]
}

/** The topics of a mesh in memory. */
export class Gossip {
  readonly #members: { readonly peer: PeerId; readonly sync: LedgerSync }[] = []
  /** While false, messages are lost. */
  isUp = true
  readonly messages: Uint8Array[] = []
  /** Of the topic of forks. */
  readonly proofs: Uint8Array[] = []

  join(peer: PeerId, ledger: Ledger, ports: Partial<SyncPorts> = {}): LedgerSync {
    const sync = new LedgerSync({
      ledger,
      verifier: nodeVerifier,
      nowMs: () => Date.now(),
      setTimer: (atMs, fire) => {
        const timer = setTimeout(fire, Math.max(0, atMs - Date.now()))
        return () => clearTimeout(timer)
      },
      publish: async (topic, bytes) => {
        const said = topic === 'fork' ? this.proofs : this.messages
        said.push(bytes)
        if (!this.isUp) return
        for (const member of this.#members) {
          if (member.peer === peer) continue
          setImmediate(() => {
            const handler = topic === 'fork' ? member.sync.forks : member.sync
            if (handler.validate(bytes) === 'accept') handler.deliver(bytes, peer)
          })
        }
      },
      ...ports
    })
    this.#members.push({ peer, sync })
    return sync
  }
}

/** Waits until it holds; fails with the name after the deadline. */
export async function until(
  holds: () => boolean,
  name: string,
  deadlineMs = 10_000
): Promise<void> {
  const endMs = Date.now() + deadlineMs
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${name}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
