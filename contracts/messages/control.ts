/**
 * Control messages, version 1: what a client of another operator's mesh asks its control node, and what
 * it hears. On links `/kora/control/1`; a frame is one kind byte and one COSE_Sign1 message. A client
 * signs with the key of its data folder and speaks over a connection that has a key of its own: each
 * question names both ends of that connection, so that bytes taken from one link are worth nothing on
 * another. Says nothing of who may ask: that is the operator's affair.
 */
import { z } from 'zod'
import { peerId } from '../attestation.ts'
import { decodeCanonical, encodeCanonical } from '../cbor.ts'
import { openMessage, signMessage } from '../cose.ts'
import { MeshError } from '../errors.ts'
import type { MeshId } from '../ids.ts'
import {
  CONTROL_FILES_MAX,
  CONTROL_INLINE_BYTES_MAX,
  CONTROL_INPUTS_MAX,
  FRAME_BYTES_MAX,
  NAME_CHARS_MAX,
  PROSE_CHARS_MAX,
  VALUE_BYTES_MAX
} from '../limits.ts'
import { cid } from '../model-manifest.ts'
import { bytes, ISSUES_MAX, readShape, record, sessionId, text, uint } from '../shape.ts'
import type { PeerId, Signer, Verifier } from '../signing.ts'

const v = z.literal(1)
/** Chosen by the client; unique among the questions that are open on its link. */
const askId = uint(0xffff_ffff)

/** Bytes in the message, or by hash where they are large: fetched over blob links from the sender. */
export const ControlPart = z.union([
  z.strictObject({ inline: bytes(CONTROL_INLINE_BYTES_MAX) }),
  z.strictObject({ cid, bytes: uint(VALUE_BYTES_MAX) })
])
export type ControlPart = z.infer<typeof ControlPart>

const ofSession = <T extends string>(t: T) =>
  z.strictObject({ t: z.literal(t), session: sessionId })
export const ControlWant = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('submit'),
    /** Idempotency: the same request of the same tenant is the same session, run and billed once. */
    request_id: text(NAME_CHARS_MAX),
    graph: ControlPart,
    inputs: record(text(NAME_CHARS_MAX), ControlPart).refine(
      (inputs) => Object.keys(inputs).length <= CONTROL_INPUTS_MAX,
      `at most ${CONTROL_INPUTS_MAX} inputs`
    ),
    use_cache: z.boolean()
  }),
  ofSession('follow'),
  ofSession('result'),
  ofSession('cancel'),
  ofSession('replay'),
  ofSession('bill'),
  z.strictObject({ t: z.literal('explain'), unit: text(NAME_CHARS_MAX) }),
  z.strictObject({ t: z.literal('status') })
])
export type ControlWant = z.infer<typeof ControlWant>

export const ControlAsk = z.strictObject({
  v,
  id: askId,
  /** The control node that is asked. */
  control: peerId,
  /** The peer at the client's end of the link. */
  via: peerId,
  want: ControlWant
})
export type ControlAsk = z.infer<typeof ControlAsk>

export const ControlRefusal = z.strictObject({
  t: z.literal('refused'),
  code: text(NAME_CHARS_MAX),
  facts: record(
    text(NAME_CHARS_MAX),
    z.union([z.string().max(PROSE_CHARS_MAX), z.number(), z.boolean(), z.null()])
  ),
  issues: z
    .array(
      z.strictObject({
        path: z.string().max(PROSE_CHARS_MAX),
        rule: text(NAME_CHARS_MAX),
        message: z.string().max(PROSE_CHARS_MAX)
      })
    )
    .max(ISSUES_MAX)
})
export type ControlRefusal = z.infer<typeof ControlRefusal>

/** The last word on a question. */
export const ControlAnswer = z.strictObject({
  v,
  id: askId,
  end: z.discriminatedUnion('t', [
    z.strictObject({
      t: z.literal('done'),
      /** JSON text, as `--json` prints it. */
      document: ControlPart,
      files: z
        .array(
          z.strictObject({
            /** A file's name, never a path. */
            name: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$/, 'a plain file name'),
            part: ControlPart
          })
        )
        .max(CONTROL_FILES_MAX)
    }),
    ControlRefusal
  ])
})
export type ControlAnswer = z.infer<typeof ControlAnswer>

/** How far a session has come; the newest state, never a backlog. */
export const ControlProgress = z.strictObject({
  v,
  id: askId,
  units_done: uint(),
  units_failed: uint(),
  units_running: uint(),
  units_waiting: uint(),
  nodes: uint(),
  spent_micro: uint(),
  budget_micro: uint(),
  task: z.string().max(NAME_CHARS_MAX)
})
export type ControlProgress = z.infer<typeof ControlProgress>

/** Kind bytes are visible on the wire: add, never reuse. */
export const CONTROL_FRAMES = {
  ask: { byte: 1, typ: 'application/vnd.kora.control-ask.v1+cbor', shape: ControlAsk },
  answer: { byte: 2, typ: 'application/vnd.kora.control-answer.v1+cbor', shape: ControlAnswer },
  progress: {
    byte: 3,
    typ: 'application/vnd.kora.control-progress.v1+cbor',
    shape: ControlProgress
  }
} as const
export type ControlFrameKind = keyof typeof CONTROL_FRAMES
export type ControlFrame = {
  [K in ControlFrameKind]: {
    readonly kind: K
    readonly body: z.infer<(typeof CONTROL_FRAMES)[K]['shape']>
  }
}[ControlFrameKind]

const KINDS: readonly ControlFrameKind[] = ['ask', 'answer', 'progress']

export function sealControlFrame(
  { kind, body }: ControlFrame,
  { mesh, signer }: { readonly mesh: MeshId; readonly signer: Signer }
): Uint8Array {
  const { byte, typ } = CONTROL_FRAMES[kind]
  const message = signMessage({ typ, mesh, payload: encodeCanonical(body), signer })
  const length = message.length + 1
  if (length > FRAME_BYTES_MAX)
    throw new MeshError('contracts.too_large', { kind, bytes: length, bytesMax: FRAME_BYTES_MAX })
  const framed = new Uint8Array(length)
  framed[0] = byte
  framed.set(message, 1)
  return framed
}

export interface OpenControlContext {
  readonly mesh: MeshId
  readonly verifier: Verifier
  /** Where it is given, every other signer is refused. */
  readonly signedBy?: PeerId
}

/** Whoever signed it is named: whether that one may ask is judged by the caller. */
export function openControlFrame(
  raw: Uint8Array,
  { mesh, verifier, signedBy }: OpenControlContext
): { readonly frame: ControlFrame; readonly signer: PeerId } {
  if (raw.length > FRAME_BYTES_MAX)
    throw new MeshError('contracts.too_large', { bytes: raw.length, bytesMax: FRAME_BYTES_MAX })
  const kind = KINDS.find((one) => CONTROL_FRAMES[one].byte === raw[0])
  if (kind === undefined) throw new MeshError('wire.kind_unknown', { byte: raw[0] ?? 0 })
  const { typ, shape } = CONTROL_FRAMES[kind]
  const { payload, kid } = openMessage(raw.subarray(1), {
    typ,
    mesh,
    verifier,
    bytesMax: FRAME_BYTES_MAX,
    ...(signedBy === undefined ? {} : { signedBy })
  })
  const plain = decodeCanonical(payload, { bytesMax: FRAME_BYTES_MAX })
  const body = readShape(shape, plain, 'wire.message_malformed')
  return { frame: { kind, body } as ControlFrame, signer: kid }
}
