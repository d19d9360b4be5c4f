/**
 * The folder of a control node: its key, the mesh's signed genesis, and where the rest lies. Made
 * once, whole or not at all; never written over. Opens no store and no socket.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  DEFAULT_PRICES,
  logIdOf,
  MeshError,
  openGenesis,
  SEED_BYTES,
  type SignedGenesis,
  type Signer,
  signGenesis
} from '#contracts'
import { DEFAULT_TRUST_POLICY } from '#ledger'
import { nodeSigner, nodeVerifier } from '#mesh-node'

export interface MeshSettings {
  readonly name: string
  readonly tenant: string
  readonly grantMicro: number
}

export interface MeshFolder {
  readonly folder: string
  readonly seed: Uint8Array
  readonly signer: Signer
  readonly genesis: SignedGenesis
  readonly incarnation: Uint8Array
}

/** One credit is a million micro: a thousand credits are more than any local run spends. */
const DEFAULT_MESH: MeshSettings = {
  name: 'kora',
  tenant: 'local',
  grantMicro: 1_000_000_000
}

const INCARNATION_BYTES = 32

export const genesisFile = (folder: string): string => join(folder, 'genesis.cbor')
const seedFile = (folder: string): string => join(folder, 'control.key')
const incarnationFile = (folder: string): string => join(folder, 'incarnation')

export const isMeshFolder = (folder: string): boolean => existsSync(genesisFile(folder))

/** Makes key and genesis; refuses a folder that already has a mesh. */
export function createMeshFolder(
  folder: string,
  settings: MeshSettings,
  nowMs: number
): MeshFolder {
  if (isMeshFolder(folder)) throw new MeshError('control.mesh_exists', { folder })
  makeFolder(folder)
  const seed = keptSecret(seedFile(folder), SEED_BYTES)
  const incarnation = keptSecret(incarnationFile(folder), INCARNATION_BYTES)
  const signer = nodeSigner(seed)
  const genesis = signGenesis(
    {
      v: 1,
      name: settings.name,
      operator: signer.peerId,
      sequencer: signer.peerId,
      sequencer_log: logIdOf(signer.peerId, incarnation),
      witnesses: [],
      witness_quorum: 0,
      tenants: [{ id: settings.tenant, grant_micro: settings.grantMicro }],
      prices: DEFAULT_PRICES,
      policies: { trust: DEFAULT_TRUST_POLICY, scheduler: 'weighted' },
      zones: { trusted: [signer.peerId] },
      created_at_ms: nowMs
    },
    signer
  )
  writeWhole(genesisFile(folder), genesis.bytes)
  return { folder, seed, signer, genesis, incarnation }
}

/** Opens the folder's mesh, checking that its parts belong together. */
export function openMeshFolder(folder: string): MeshFolder {
  const seed = readPart(seedFile(folder), SEED_BYTES)
  const incarnation = readPart(incarnationFile(folder), INCARNATION_BYTES)
  const genesis = openGenesis(readPart(genesisFile(folder)), nodeVerifier)
  const signer = nodeSigner(seed)
  if (genesis.genesis.sequencer !== signer.peerId) {
    throw new MeshError('control.not_sequencer', {
      sequencer: genesis.genesis.sequencer,
      peer: signer.peerId
    })
  }
  return { folder, seed, signer, genesis, incarnation }
}

export const openOrCreateMeshFolder = (folder: string, nowMs: number): MeshFolder =>
  isMeshFolder(folder) ? openMeshFolder(folder) : createMeshFolder(folder, DEFAULT_MESH, nowMs)

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new MeshError('control.folder_unusable', { folder, reason: reasonOf(cause) }, { cause })
  }
}

/** The bytes of a secret file, drawn now where there is none: a start that was cut off goes on. */
function keptSecret(path: string, length: number): Uint8Array {
  if (!existsSync(path)) writeWhole(path, randomBytes(length))
  return readPart(path, length)
}

function readPart(path: string, length?: number): Uint8Array {
  try {
    const bytes = new Uint8Array(readFileSync(path))
    if (length === undefined || bytes.length === length) return bytes
  } catch (cause) {
    throw new MeshError(
      'control.folder_unusable',
      { folder: path, reason: reasonOf(cause) },
      { cause }
    )
  }
  throw new MeshError('control.folder_unusable', { folder: path, reason: `not ${length} bytes` })
}

/** Another name first, then the right one: a crash leaves no half of a file. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const part = `${path}.part`
  writeFileSync(part, bytes, { mode: 0o600, flush: true })
  renameSync(part, path)
}

const reasonOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause)
