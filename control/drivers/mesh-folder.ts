/**
 * The folder of a control node: its key, the mesh's signed genesis, and where the rest lies. Made
 * once, whole or not at all; never written over. Opens no store and no socket.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  DEFAULT_PRICES,
  type Genesis,
  isHex32,
  logIdOf,
  MeshError,
  type MeshId,
  openGenesis,
  type PeerId,
  parseMeshId,
  SEED_BYTES,
  type SignedGenesis,
  type Signer,
  signGenesis
} from '#contracts'
import { DEFAULT_TRUST_POLICY, PROBATION, PROBATION_DEFAULTS, trustSettingsOf } from '#ledger'
import { nodeSigner, nodeVerifier } from '#mesh-node'
import { localNodePeers } from './local-keys.ts'

export interface MeshSettings {
  readonly name: string
  readonly tenant: string
  readonly grantMicro: number
  /** A trust policy of the ledger. */
  readonly trust: string
  /** Nodes on other machines that are the operator's own, beside those that it starts itself. */
  readonly trusted: readonly PeerId[]
}

export interface MeshFolder {
  readonly folder: string
  readonly seed: Uint8Array
  readonly signer: Signer
  readonly genesis: SignedGenesis
}

/** One credit is a million micro: a thousand credits are more than any local run spends. */
const DEFAULT_MESH: MeshSettings = {
  name: 'kora',
  tenant: 'local',
  grantMicro: 1_000_000_000,
  trust: DEFAULT_TRUST_POLICY,
  trusted: []
}

const INCARNATION_BYTES = 32

/** Of WebRTC-Direct: its hash is part of the address in donate links. */
export const certificateFile = (folder: string): string => join(folder, 'webrtc.json')
export const genesisFile = (folder: string): string => join(folder, 'genesis.cbor')
const seedFile = (folder: string): string => join(folder, 'control.key')
const incarnationFile = (folder: string): string => join(folder, 'incarnation')

export const ledgerFolder = (folder: string): string => join(folder, 'ledger')

/** Throws `control.genesis_lost` where the rest of a mesh lies: no second one is made beside it. */
export function isMeshFolder(folder: string): boolean {
  if (existsSync(genesisFile(folder))) return true
  if (!existsSync(ledgerFolder(folder))) return false
  throw new MeshError('control.genesis_lost', { file: genesisFile(folder), reason: 'no such file' })
}

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
  const own = new Set([signer.peerId, ...localNodePeers(folder, seed), ...settings.trusted])
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
      policies: policiesOf(settings.trust),
      zones: { trusted: [...own] },
      created_at_ms: nowMs
    },
    signer
  )
  writeWhole(genesisFile(folder), genesis.bytes)
  return { folder, seed, signer, genesis }
}

/** The settings are written down, so that the mesh keeps them whatever later defaults are. */
const policiesOf = (trust: string): Genesis['policies'] => ({
  trust,
  scheduler: 'weighted',
  ...(trust === PROBATION ? { trust_settings: trustSettingsOf(PROBATION_DEFAULTS) } : {})
})

/**
 * The folder's key, drawn where there is none: what its control node signs with, and what a client of
 * other meshes is known by. A mesh that is made here later keeps it.
 */
export function folderSigner(folder: string): Signer {
  makeFolder(folder)
  return nodeSigner(keptSecret(seedFile(folder), SEED_BYTES))
}

/** The mesh that the folder owns; null where it owns none. */
export const ownMesh = (folder: string): string | null =>
  isMeshFolder(folder) ? keptGenesis(genesisFile(folder)).id : null

/** Opens the folder's mesh, checking that its parts belong together. */
export function openMeshFolder(folder: string): MeshFolder {
  const seed = readSecret(seedFile(folder), SEED_BYTES)
  const genesis = keptGenesis(genesisFile(folder))
  const signer = nodeSigner(seed)
  if (genesis.genesis.sequencer !== signer.peerId) {
    throw new MeshError('control.not_sequencer', {
      sequencer: genesis.genesis.sequencer,
      peer: signer.peerId
    })
  }
  return { folder, seed, signer, genesis }
}

/**
 * What makes the sequencer's log this one and no other: needed to begin it, and taken away when it has
 * begun, so that a control node which lost its ledger never writes a second one under the same name.
 */
export function incarnationOf({ folder, signer, genesis }: MeshFolder): Uint8Array {
  const { sequencer_log: log } = genesis.genesis
  const path = incarnationFile(folder)
  if (!existsSync(path)) throw new MeshError('ledger.sequencer_store_lost', { folder, log })
  const incarnation = readSecret(path, INCARNATION_BYTES)
  if (logIdOf(signer.peerId, incarnation) === log) return incarnation
  throw new MeshError('control.key_lost', { file: path, reason: 'it belongs to another log' })
}

export function forgetIncarnation({ folder }: MeshFolder): void {
  rmSync(incarnationFile(folder), { force: true })
}

export const openOrCreateMeshFolder = (folder: string, nowMs: number): MeshFolder =>
  isMeshFolder(folder) ? openMeshFolder(folder) : createMeshFolder(folder, DEFAULT_MESH, nowMs)

/** A mesh as it is named: by its id, or by a file with its signed genesis, which says more. */
export function readMeshName(name: string): {
  readonly id: MeshId
  readonly genesis: SignedGenesis | null
} {
  if (isHex32(name)) return { id: parseMeshId(name), genesis: null }
  const genesis = keptGenesis(name)
  return { id: genesis.id, genesis }
}

export const meshNamed = (name: string): MeshId => readMeshName(name).id

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw unusable(folder, cause)
  }
}

/** The bytes of a secret file, drawn now where there is none: a start that was cut off goes on. */
function keptSecret(path: string, length: number): Uint8Array {
  if (!existsSync(path)) writeWhole(path, randomBytes(length))
  return readSecret(path, length)
}

function readSecret(path: string, length: number): Uint8Array {
  const bytes = readPart(path)
  if (bytes === null)
    throw new MeshError('control.key_lost', { file: path, reason: 'no such file' })
  if (bytes.length === length) return bytes
  const reason = `${bytes.length} bytes instead of ${length}`
  throw new MeshError('control.key_lost', { file: path, reason })
}

/** The mesh is this file's bytes: one that was changed or cut is no other mesh but a lost one. */
function keptGenesis(file: string): SignedGenesis {
  const bytes = readPart(file)
  try {
    if (bytes !== null) return openGenesis(bytes, nodeVerifier)
  } catch (cause) {
    if (!(cause instanceof MeshError)) throw cause
    throw new MeshError('control.genesis_lost', { file, reason: cause.code }, { cause })
  }
  throw new MeshError('control.genesis_lost', { file, reason: 'no such file' })
}

function readPart(path: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw unusable(path, cause)
  }
}

/** Another name first, then the right one: a crash or a full disk leaves no half of a file. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const part = `${path}.part`
  try {
    writeFileSync(part, bytes, { mode: 0o600, flush: true })
    renameSync(part, path)
  } catch (cause) {
    rmSync(part, { force: true })
    throw unusable(path, cause)
  }
}

function unusable(path: string, cause: unknown): MeshError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new MeshError('control.folder_unusable', { folder: path, reason }, { cause })
}
