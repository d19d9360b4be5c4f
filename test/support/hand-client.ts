/**
 * A client of a control node, by hand: it asks whatever it is told, whoever it then says it is, and
 * keeps what comes back.
 */
import {
  type ControlAsk,
  type ControlFrame,
  type ControlWant,
  openControlFrame,
  parseMeshId,
  parsePeerId,
  type Signer,
  sealControlFrame
} from '#contracts'
import {
  BlobExchange,
  createNetwork,
  type Link,
  type MeshNetwork,
  nodeSigner,
  nodeVerifier
} from '#mesh-node'
import { MemoryBlobs } from '#mesh-node/store'
import type { ControlNode } from '../../control/drivers/control-node.ts'
import { seed } from './mesh-fixtures.ts'
import { type Started, until } from './mesh-hosts.ts'

export class HandClient {
  readonly network: MeshNetwork
  readonly heard: ControlFrame[] = []
  isClosed = false
  readonly #link: Link
  readonly #node: ControlNode
  #nextId = 1

  constructor(network: MeshNetwork, link: Link, node: ControlNode) {
    this.network = network
    this.#link = link
    this.#node = node
    link.onFrame((raw) => {
      const mesh = parseMeshId(node.mesh)
      this.heard.push(openControlFrame(raw, { mesh, verifier: nodeVerifier }).frame)
    })
    link.onClose(() => {
      this.isClosed = true
    })
  }

  /** A question as it should be, but for what `change` says. */
  sealed(want: ControlWant, signer: Signer, change: Partial<ControlAsk> = {}): Uint8Array {
    const body: ControlAsk = {
      v: 1,
      id: this.#nextId++,
      control: parsePeerId(this.#node.peerId),
      via: this.network.peerId,
      want,
      ...change
    }
    return sealControlFrame({ kind: 'ask', body }, { mesh: parseMeshId(this.#node.mesh), signer })
  }

  send(raw: Uint8Array): void {
    this.#link.send(raw)
  }

  /** Sends it and waits for what ends it: an answer, or the link's end. */
  async asked(raw: Uint8Array): Promise<ControlFrame | null> {
    const before = this.heard.length
    this.send(raw)
    await until(
      () => this.isClosed || this.heard.slice(before).some(({ kind }) => kind === 'answer'),
      'an answer'
    )
    return this.heard.slice(before).find(({ kind }) => kind === 'answer') ?? null
  }

  async leave(): Promise<void> {
    await this.network.stop()
  }
}

/** Dials the control node with a key of its own for the connection; has no blob to give. */
export async function handClient(
  started: Started,
  node: ControlNode,
  fill: number
): Promise<HandClient> {
  const mesh = parseMeshId(node.mesh)
  const network = await createNetwork({
    seed: seed(fill),
    mesh,
    listen: [],
    bootstrap: node.addresses()
  })
  started.add(network, (one) => one.stop())
  void new BlobExchange({ network, store: new MemoryBlobs() })
  const link = await network.openLink(parsePeerId(node.peerId), 'control')
  return new HandClient(network, link, node)
}

export const clientKey = (fill: number): Signer => nodeSigner(seed(fill))
