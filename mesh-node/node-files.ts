/**
 * What lies where in a node's data folder, and the mesh that the folder belongs to: its genesis is
 * kept from the first start on and never changed, because the ledger beside it is that mesh's alone.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Cid,
  cidOfBlobDigest,
  hexToBytes,
  MeshError,
  type MeshId,
  openGenesis,
  type SignedGenesis,
  type Verifier
} from '#contracts'

export const keyFile = (dataDir: string): string => join(dataDir, 'node.key')
/** Of WebRTC-Direct: its hash is part of the node's address. */
export const certificateFile = (dataDir: string): string => join(dataDir, 'webrtc.json')
export const blobDir = (dataDir: string): string => join(dataDir, 'blobs')
export const ledgerDir = (dataDir: string): string => join(dataDir, 'ledger')
const genesisFile = (dataDir: string): string => join(dataDir, 'genesis.cbor')

/** How an operator names a mesh: by its id, or by a file with its signed genesis. */
export type MeshName =
  | { readonly kind: 'id'; readonly id: MeshId }
  | { readonly kind: 'file'; readonly path: string }

/** The genesis is a blob like any other: its hash is the mesh id. */
export const genesisCid = (mesh: MeshId): Cid => cidOfBlobDigest(hexToBytes(mesh))

/** The genesis named by a file or kept from an earlier start; null: it has to be fetched. */
export function findGenesis(
  dataDir: string,
  name: MeshName,
  verifier: Verifier
): SignedGenesis | null {
  const kept = readIfThere(genesisFile(dataDir))
  const named = name.kind === 'file' ? openGenesis(readFile(name.path), verifier) : null
  const expected = name.kind === 'id' ? name.id : named?.id
  if (kept !== null) return keptGenesis(dataDir, verifier, { kept, expected })
  if (named !== null) keepGenesis(dataDir, named)
  return named
}

/** Changed on the disk: the mesh's peers, or the file it came from, have it whole. */
function keptGenesis(
  dataDir: string,
  verifier: Verifier,
  { kept, expected }: { readonly kept: Uint8Array; readonly expected: MeshId | undefined }
): SignedGenesis {
  try {
    return openGenesis(kept, verifier, expected)
  } catch (cause) {
    if (!(cause instanceof MeshError) || cause.code === 'genesis.other_mesh') throw cause
    const facts = { path: genesisFile(dataDir), reason: cause.code }
    throw new MeshError('store.corrupted', facts, { cause })
  }
}

export function keepGenesis(dataDir: string, { bytes }: SignedGenesis): void {
  const path = genesisFile(dataDir)
  const part = `${path}.part`
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    writeFileSync(part, bytes, { flush: true })
    renameSync(part, path)
  } catch (cause) {
    throw unusable(path, cause)
  }
}

function readFile(path: string): Uint8Array {
  const bytes = readIfThere(path)
  if (bytes === null) throw new MeshError('genesis.malformed', { path, reason: 'no such file' })
  return bytes
}

function readIfThere(path: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw unusable(path, cause)
  }
}

function unusable(path: string, cause: unknown): MeshError {
  const reason = cause instanceof Error ? cause.message.slice(0, 200) : String(cause)
  return new MeshError('identity.unusable', { path, reason }, { cause })
}
