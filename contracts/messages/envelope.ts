/**
 * The frames of a work stream. A frame is one kind byte and one COSE_Sign1 message; its payload is
 * canonical CBOR of the shape named here. Order at the door: size, signature, then parse.
 */
import type { z } from 'zod'
import { decodeCanonical, encodeCanonical } from '../cbor.ts'
import { openMessage, signMessage } from '../cose.ts'
import { MeshError } from '../errors.ts'
import type { MeshId } from '../ids.ts'
import { FRAME_BYTES_MAX } from '../limits.ts'
import { readShape } from '../shape.ts'
import type { PeerId, Signer, Verifier } from '../signing.ts'
import { AckMessage } from './ack.ts'
import { ClaimMessage } from './claim.ts'
import { CommitMessage } from './commit.ts'
import { FailureMessage } from './failure.ts'
import { GrantMessage } from './grant.ts'
import { HeartbeatMessage } from './heartbeat.ts'
import { HelloMessage } from './hello.ts'
import { ReleaseMessage } from './release.ts'
import { ResultMessage } from './result.ts'
import { RevealMessage } from './reveal.ts'
import { RevokeMessage } from './revoke.ts'
import { WelcomeMessage } from './welcome.ts'
import { WithdrawMessage } from './withdraw.ts'

/** Kind bytes are visible on the wire: add, never reuse. */
export const FRAMES = {
  hello: { byte: 1, typ: 'application/vnd.kora.node-hello.v1+cbor', shape: HelloMessage },
  welcome: { byte: 2, typ: 'application/vnd.kora.gateway-welcome.v1+cbor', shape: WelcomeMessage },
  claim: { byte: 3, typ: 'application/vnd.kora.claim.v1+cbor', shape: ClaimMessage },
  withdraw: { byte: 4, typ: 'application/vnd.kora.claim-withdraw.v1+cbor', shape: WithdrawMessage },
  grant: { byte: 5, typ: 'application/vnd.kora.lease-grant.v1+cbor', shape: GrantMessage },
  commit: { byte: 6, typ: 'application/vnd.kora.commitment.v1+cbor', shape: CommitMessage },
  reveal: { byte: 7, typ: 'application/vnd.kora.reveal.v1+cbor', shape: RevealMessage },
  result: { byte: 8, typ: 'application/vnd.kora.result.v1+cbor', shape: ResultMessage },
  failure: { byte: 9, typ: 'application/vnd.kora.failure.v1+cbor', shape: FailureMessage },
  release: { byte: 10, typ: 'application/vnd.kora.lease-release.v1+cbor', shape: ReleaseMessage },
  revoke: { byte: 11, typ: 'application/vnd.kora.lease-revoke.v1+cbor', shape: RevokeMessage },
  heartbeat: { byte: 12, typ: 'application/vnd.kora.heartbeat.v1+cbor', shape: HeartbeatMessage },
  ack: { byte: 13, typ: 'application/vnd.kora.result-ack.v1+cbor', shape: AckMessage }
} as const
export type FrameKind = keyof typeof FRAMES
export type FrameOf<K extends FrameKind> = z.infer<(typeof FRAMES)[K]['shape']>
/** A message with its kind, as machines take and give them. */
export type Frame = { [K in FrameKind]: { readonly kind: K; readonly body: FrameOf<K> } }[FrameKind]
const NODE_FRAME_KINDS = [
  'hello',
  'claim',
  'withdraw',
  'commit',
  'result',
  'failure',
  'release',
  'heartbeat'
] as const satisfies readonly FrameKind[]
/** Frames that a node sends, and those that a gateway sends. */
export type NodeFrame = Extract<Frame, { kind: (typeof NODE_FRAME_KINDS)[number] }>
export type GatewayFrame = Exclude<Frame, NodeFrame>

const FROM_NODES: ReadonlySet<FrameKind> = new Set(NODE_FRAME_KINDS)
export const isNodeFrame = (frame: Frame): frame is NodeFrame => FROM_NODES.has(frame.kind)
export const isGatewayFrame = (frame: Frame): frame is GatewayFrame => !FROM_NODES.has(frame.kind)

const KIND_OF_BYTE = new Map<number, FrameKind>(
  Object.entries(FRAMES).map(([kind, entry]) => [entry.byte, kind as FrameKind])
)

export interface SealContext {
  readonly mesh: MeshId
  readonly signer: Signer
}
export interface OpenContext {
  readonly mesh: MeshId
  readonly verifier: Verifier
  /** The peer at the other end of the stream: a frame signed by anyone else is refused. */
  readonly from: PeerId
}

export function sealFrame(frame: Frame, { mesh, signer }: SealContext): Uint8Array {
  const { byte, typ } = FRAMES[frame.kind]
  const message = signMessage({ typ, mesh, payload: encodeCanonical(frame.body), signer })
  if (message.length + 1 > FRAME_BYTES_MAX) {
    throw new MeshError('contracts.too_large', {
      kind: frame.kind,
      bytes: message.length,
      bytesMax: FRAME_BYTES_MAX
    })
  }
  const framed = new Uint8Array(message.length + 1)
  framed[0] = byte
  framed.set(message, 1)
  return framed
}

export function openFrame(raw: Uint8Array, { mesh, verifier, from }: OpenContext): Frame {
  if (raw.length > FRAME_BYTES_MAX) {
    throw new MeshError('contracts.too_large', { bytes: raw.length, bytesMax: FRAME_BYTES_MAX })
  }
  const kind = KIND_OF_BYTE.get(raw[0] ?? 0)
  if (kind === undefined) throw new MeshError('wire.kind_unknown', { byte: raw[0] ?? 0 })
  const { typ, shape } = FRAMES[kind]
  const { payload } = openMessage(raw.subarray(1), {
    typ,
    mesh,
    verifier,
    bytesMax: FRAME_BYTES_MAX,
    signedBy: from
  })
  const plain = decodeCanonical(payload, { bytesMax: FRAME_BYTES_MAX })
  const frame = { kind, body: readShape(shape, plain, 'wire.message_malformed') } as Frame
  if (frame.kind === 'hello' && frame.body.node !== from)
    throw new MeshError('wire.signer_mismatch', { named: frame.body.node, signer: from })
  return frame
}
