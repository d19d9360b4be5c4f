/**
 * The page of the network tests: a tab's network as the product opens it, driven by a test with plain
 * data. Runs no unit and keeps nothing.
 */
import { type Cid, cidOfBytes, hexToBytes, type MeshId, type PeerId, sha256 } from '#contracts'
import { BlobExchange, BlobShelf, type Link, type MeshNetwork } from '#mesh-node/portable'
import { MemoryDisk } from '../../../browser-node/tab/memory-disk.ts'
import { openTabNetwork } from '../../../browser-node/tab/tab-network.ts'

export interface JoinOrder {
  readonly seed: string
  readonly mesh: MeshId
  readonly bootstrap: readonly string[]
}

const BLOBS_BYTES_MAX = 16 * 1024 * 1024

class Bench {
  readonly #shelf = new BlobShelf(
    new MemoryDisk((bytes) => ({ path: `${bytes.length}`, withdraw() {} })),
    { blobs: [], partials: [] },
    { bytesMax: BLOBS_BYTES_MAX }
  )
  #blobs: BlobExchange | undefined
  #network: MeshNetwork | undefined
  readonly #heard: string[] = []

  get #open(): MeshNetwork {
    if (this.#network === undefined) throw new Error('join comes first')
    return this.#network
  }

  /** Milliseconds until the bootstrap peer is connected, and who this is. */
  async join({ seed, mesh, bootstrap }: JoinOrder): Promise<{ peer: PeerId; joinMs: number }> {
    const begun = performance.now()
    const network = await openTabNetwork({ seed: hexToBytes(seed), mesh, bootstrap, listen: [] })
    this.#network = network
    this.#blobs = new BlobExchange({ network, store: this.#shelf })
    network.onLink('work', (link) => link.onFrame((frame) => void link.send(frame)))
    network.subscribe('work', {
      validate: () => 'accept',
      deliver: (bytes, from) => void this.#heard.push(`${from} ${bytes.join()}`)
    })
    return { peer: network.peerId, joinMs: performance.now() - begun }
  }

  peers = (): readonly PeerId[] => this.#open.peers()
  addresses = (): readonly string[] => this.#open.addresses()
  connections = (): readonly string[] => this.#open.connections()
  heard = (): readonly string[] => this.#heard
  listeners = (): readonly PeerId[] => this.#open.subscribers('work')
  dial = (address: string): Promise<PeerId> => this.#open.dial(address)
  say = (bytes: readonly number[]): Promise<void> =>
    this.#open.publish('work', Uint8Array.from(bytes))
  stop = (): Promise<void> => this.#open.stop()

  /** Keeps so many bytes, for others to fetch. */
  keep = (length: number): Promise<Cid> => this.#shelf.put(new Uint8Array(length).fill(7))

  /** Whether the blob comes from one of these peers, and is what its id says. */
  async fetch(cid: Cid, from: readonly PeerId[]): Promise<boolean> {
    const bytes = await this.#blobs?.fetchBytes(cid, { from })
    return bytes !== undefined && cidOfBytes(bytes) === cid
  }

  /** Sends so many bytes to a peer that echoes; true if the same came back. */
  async echo(peer: PeerId, length: number): Promise<boolean> {
    const link: Link = await this.#open.openLink(peer, 'work')
    const back = Promise.withResolvers<Uint8Array>()
    link.onFrame(back.resolve)
    link.onClose((fault) => back.reject(fault ?? new Error('closed')))
    const bytes = new Uint8Array(length).map((_, index) => index * 31)
    const digest = sha256(bytes).join()
    link.send(bytes)
    return sha256(await back.promise).join() === digest
  }
}

Reflect.set(globalThis, 'bench', new Bench())
