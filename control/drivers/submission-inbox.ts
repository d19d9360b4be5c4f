/**
 * Brings in what one client submits: the parts that ride in its question, and the others by hash from
 * the client itself. Holds them in memory for as long as they are read, within bounds that all clients
 * share; nothing of it reaches the disk before the graph was found sound.
 */
import {
  CONTROL_SUBMISSION_BYTES_MAX,
  CONTROL_SUBMISSIONS_MAX,
  type ControlPart,
  type ControlWant,
  GRAPH_BYTES_MAX,
  INPUT_BYTES_MAX,
  MeshError,
  type PeerId
} from '#contracts'
import { BlobExchange, type MeshNetwork } from '#mesh-node'
import { MemoryBlobs } from '#mesh-node/store'
import { partBytes, unpack } from './control-parts.ts'

type Submit = Extract<ControlWant, { t: 'submit' }>

export interface ReadSubmission {
  readonly graph: Uint8Array
  readonly inputs: Readonly<Record<string, Uint8Array>>
}

/** Of one link. */
export interface Inbox {
  /** Throws `contracts.too_large`, `control.busy` and what a fetch throws. */
  read<T>(want: Submit, use: (submission: ReadSubmission) => Promise<T>): Promise<T>
}

export class SubmissionInbox {
  readonly #network: MeshNetwork
  #reading = 0

  constructor(network: MeshNetwork) {
    this.#network = network
  }

  /** One for each link: what its client hands over is asked of that client alone, one after another. */
  of(client: PeerId): Inbox {
    let last: Promise<unknown> = Promise.resolve()
    return {
      read: (want, use) => {
        const turn = last.then(() => this.#read(client, want, use))
        last = turn.catch(() => {})
        return turn
      }
    }
  }

  async #read<T>(
    client: PeerId,
    want: Submit,
    use: (submission: ReadSubmission) => Promise<T>
  ): Promise<T> {
    checkSizes(want)
    if (this.#reading >= CONTROL_SUBMISSIONS_MAX)
      throw new MeshError('control.busy', { reading: this.#reading })
    this.#reading++
    try {
      return await use(await fetched(this.#network, client, want))
    } finally {
      this.#reading--
    }
  }
}

function checkSizes({ graph, inputs }: Submit): void {
  const sizes = Object.values(inputs).map(partBytes)
  check('graph', partBytes(graph), GRAPH_BYTES_MAX)
  for (const bytes of sizes) check('input', bytes, INPUT_BYTES_MAX)
  const all = sizes.reduce((sum, bytes) => sum + bytes, partBytes(graph))
  check('submission', all, CONTROL_SUBMISSION_BYTES_MAX)
}

function check(part: string, bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw new MeshError('contracts.too_large', { part, bytes, bytesMax })
}

async function fetched(
  network: MeshNetwork,
  client: PeerId,
  { graph, inputs }: Submit
): Promise<ReadSubmission> {
  const store = new MemoryBlobs(CONTROL_SUBMISSION_BYTES_MAX)
  const exchange = new BlobExchange({
    // serves nothing: what it holds is the client's alone
    network: { openLink: (peer, kind) => network.openLink(peer, kind), onLink: () => {} },
    store
  })
  const bytesOf = (part: ControlPart): Promise<Uint8Array> =>
    unpack(part, (cid, bytesMax) => exchange.fetchBytes(cid, { from: [client], bytesMax }))
  const read: Record<string, Uint8Array> = {}
  for (const [name, part] of Object.entries(inputs)) read[name] = await bytesOf(part)
  return { graph: await bytesOf(graph), inputs: read }
}
