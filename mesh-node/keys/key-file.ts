/**
 * The node's identity on disk: 32 bytes of Ed25519 seed, readable by their owner alone, drawn on the
 * first start and never written over. Also draws the incarnation of a new ledger log.
 */
import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { MeshError, SEED_BYTES } from '#contracts'

/** The seed in the file, or null where there is no file. */
function readKeyFile(path: string): Uint8Array | null {
  let seed: Uint8Array
  try {
    seed = new Uint8Array(readFileSync(path))
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null
    throw unusable(path, cause)
  }
  if (seed.length !== SEED_BYTES) {
    throw new MeshError('identity.key_malformed', {
      path,
      bytes: seed.length,
      expected: SEED_BYTES
    })
  }
  return seed
}

/**
 * The seed in the file, drawn first where there is none, or `given` written there. Two starts at once
 * end with one key.
 */
export function openKeyFile(path: string, given?: Uint8Array): Uint8Array {
  const known = readKeyFile(path)
  if (known !== null) return known
  const part = `${path}.${process.pid}.part`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(part, given ?? randomBytes(SEED_BYTES), { mode: 0o600, flush: true })
    linkSync(part, path)
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw unusable(path, cause)
  } finally {
    rmSync(part, { force: true })
  }
  const drawn = readKeyFile(path)
  if (drawn === null) throw new MeshError('identity.unusable', { path, reason: 'gone again' })
  return drawn
}

/** 32 random bytes that tell a new log of this key from every earlier one. */
export const drawIncarnation = (): Uint8Array => new Uint8Array(randomBytes(32))

function unusable(path: string, cause: unknown): MeshError {
  const reason = cause instanceof Error ? cause.message.slice(0, 200) : String(cause)
  return new MeshError('identity.unusable', { path, reason }, { cause })
}

const codeOf = (cause: unknown): unknown =>
  cause instanceof Error && 'code' in cause ? cause.code : null
