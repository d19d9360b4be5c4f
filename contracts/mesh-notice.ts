/**
 * What the control node of a mesh tells whoever is asked to help: what the mesh is for, and which
 * models its work needs. It is read before anybody joins, so nothing is to be had by it: a notice
 * names models and grants nothing. Signed by the sequencer, under a typ of its own.
 */
import { z } from 'zod'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import type { Cid } from './cid.ts'
import { openMessage, signMessage } from './cose.ts'
import type { SignedGenesis } from './genesis.ts'
import { NAME_CHARS_MAX, NOTICE_BYTES_MAX, NOTICE_MODELS_MAX, PROSE_CHARS_MAX } from './limits.ts'
import { cid, type ModelManifest } from './model-manifest.ts'
import { readShape, text, uint } from './shape.ts'
import type { Signer, Verifier } from './signing.ts'

export const NOTICE_TYP = 'application/vnd.kora.mesh-notice.v1+cbor'

/** Words for one line of a page: whatever would break the line, or turn it round, is refused. */
const LINE = /^[^\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u

const NoticedModel = z.strictObject({
  cid,
  name: text(NAME_CHARS_MAX).regex(LINE),
  licence: text(NAME_CHARS_MAX).regex(LINE),
  /** Of all its files. */
  bytes: uint()
})
export type NoticedModel = z.infer<typeof NoticedModel>

export const MeshNotice = z.strictObject({
  v: z.literal(1),
  /** In the operator's words; empty where the operator says nothing. */
  purpose: z.string().max(PROSE_CHARS_MAX).regex(LINE),
  models: z.array(NoticedModel).max(NOTICE_MODELS_MAX)
})
export type MeshNotice = z.infer<typeof MeshNotice>

export const isPurpose = (words: string): boolean =>
  MeshNotice.shape.purpose.safeParse(words).success

/**
 * The first models where there are more than a notice holds. One whose name is no line is left out: it
 * is named when it comes.
 */
export function noticeOf(
  purpose: string,
  models: readonly { readonly cid: Cid; readonly manifest: ModelManifest }[]
): MeshNotice {
  const named = models.flatMap(({ cid: model, manifest: { name, licence, files } }) => {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    return NoticedModel.safeParse({ cid: model, name, licence, bytes }).data ?? []
  })
  return { v: 1, purpose, models: named.slice(0, NOTICE_MODELS_MAX) }
}

export function signNotice(
  notice: MeshNotice,
  { mesh, signer }: { readonly mesh: SignedGenesis['id']; readonly signer: Signer }
): Uint8Array {
  const payload = encodeCanonical(readShape(MeshNotice, notice, 'notice.malformed'))
  return signMessage({ typ: NOTICE_TYP, mesh, payload, signer })
}

/** Reads a notice from outside; only the sequencer that the genesis names may speak for the mesh. */
export function openNotice(
  bytes: Uint8Array,
  verifier: Verifier,
  { id, genesis }: SignedGenesis
): MeshNotice {
  const { payload } = openMessage(bytes, {
    typ: NOTICE_TYP,
    mesh: id,
    verifier,
    bytesMax: NOTICE_BYTES_MAX,
    signedBy: genesis.sequencer
  })
  return readShape(
    MeshNotice,
    decodeCanonical(payload, { bytesMax: NOTICE_BYTES_MAX }),
    'notice.malformed'
  )
}
