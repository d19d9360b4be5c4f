/**
 * Joins a mesh of another operator as a client: dials the given addresses, learns the mesh's genesis
 * where only its id is known, and finds its control node among who answered. The connection has a key
 * of its own, drawn for this process, so that several commands of one folder work side by side; who
 * asks is said in each question, signed with the folder's key. Listens nowhere, gossips nothing.
 */
import { randomBytes } from 'node:crypto'
import {
  MeshError,
  openGenesis,
  type PeerId,
  SEED_BYTES,
  type SignedGenesis,
  type Signer
} from '#contracts'
import { BlobExchange, createNetwork, genesisCid, type MeshNetwork, nodeVerifier } from '#mesh-node'
import { MemoryBlobs } from '#mesh-node/store'
import { ControlQuestions } from './control-questions.ts'
import { folderSigner, readMeshName } from './mesh-folder.ts'
import { RemoteControl } from './remote-control.ts'

export interface JoinOptions {
  /** The client's data folder: its key, and where outputs are put. */
  readonly data: string
  /** By id or genesis file. */
  readonly mesh: string
  readonly bootstrap: readonly string[]
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/**
 * Throws `control.address_missing`, `net.unreachable` where nobody answers, and
 * `control.not_at_address` where who answers is not that mesh's control node.
 */
export async function joinControl(options: JoinOptions): Promise<RemoteControl> {
  const { data, bootstrap, signal } = options
  const named = readMeshName(options.mesh)
  if (bootstrap.length === 0)
    throw new MeshError('control.address_missing', { mesh: named.id, folder: data })
  const signer = folderSigner(data)
  const seed = new Uint8Array(randomBytes(SEED_BYTES))
  const network = await createNetwork({ seed, mesh: named.id, listen: [], bootstrap })
  try {
    signal.throwIfAborted()
    return await open(options, named, { network, signer })
  } catch (error) {
    await network.stop()
    throw error
  }
}

async function open(
  { data, bootstrap, say }: JoinOptions,
  { id: mesh, genesis: known }: ReturnType<typeof readMeshName>,
  { network, signer }: { readonly network: MeshNetwork; readonly signer: Signer }
): Promise<RemoteControl> {
  const peers = network.peers()
  if (peers.length === 0) {
    const reason = 'no --bootstrap address answers'
    throw new MeshError('net.unreachable', { address: bootstrap.join(' '), reason })
  }
  // a client keeps no ledger
  network.onLink('sync', (link) => void link.close())
  const store = new MemoryBlobs()
  const exchange = new BlobExchange({ network, store })
  const genesis = known ?? (await fetchGenesis(mesh, peers, exchange))
  const { sequencer: control } = genesis.genesis
  if (!network.peers().includes(control))
    throw new MeshError('control.not_at_address', { mesh, control, found: peers.join(' ') })
  const questions = new ControlQuestions({
    network,
    mesh,
    control,
    signer,
    verifier: nodeVerifier,
    say
  })
  return new RemoteControl({ mesh, control, folder: data, network, exchange, store, questions })
}

/** Every peer of a mesh has its genesis: the mesh id is its hash. */
async function fetchGenesis(
  mesh: SignedGenesis['id'],
  from: readonly PeerId[],
  exchange: BlobExchange
): Promise<SignedGenesis> {
  let bytes: Uint8Array
  try {
    bytes = await exchange.fetchBytes(genesisCid(mesh), { from })
  } catch (cause) {
    if (!(cause instanceof MeshError)) throw cause
    throw new MeshError('control.not_at_address', { mesh, found: from.join(' ') }, { cause })
  }
  return openGenesis(bytes, nodeVerifier, mesh)
}
