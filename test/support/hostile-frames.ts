/**
 * Frames that a gateway must refuse from whoever sends them: each with the code by which it is refused.
 * All of them cost the sender its link.
 */
import {
  type Attestation,
  type ErrorCode,
  encodeAttestation,
  encodeCanonical,
  FRAMES,
  type Frame,
  type MeshId,
  type Signer,
  sealFrame,
  signMessage,
  signResults
} from '#contracts'
import { nodeSigner } from '#mesh-node'
import { flippedEnd } from './broken-bytes.ts'
import { ATTESTATIONS } from './document-fixtures.ts'
import { FRAME_BODIES } from './frame-fixtures.ts'
import { OTHER_MESH, seed } from './mesh-fixtures.ts'

export interface Speaker {
  readonly mesh: MeshId
  readonly signer: Signer
}

/** Any other key. */
const STRANGER = nodeSigner(seed(201))
/** `{"v": 1}` with the one in two bytes. */
const LONG_ONE = Uint8Array.of(0xa1, 0x61, 0x76, 0x18, 0x01)

export const helloOf = ({ peerId }: Signer): Frame => ({
  kind: 'hello',
  body: { ...FRAME_BODIES.hello.full, node: peerId, holding: [], models: [] }
})

function message(kind: 'claim' | 'heartbeat', payload: Uint8Array, speaker: Speaker): Uint8Array {
  const signed = signMessage({ typ: FRAMES[kind].typ, payload, ...speaker })
  return Buffer.concat([Uint8Array.of(FRAMES.heartbeat.byte), signed])
}

function strangersResult({ mesh, signer }: Speaker): Uint8Array {
  const attestation: Attestation = { ...ATTESTATIONS.bare, node: STRANGER.peerId }
  const { head, items } = signResults([encodeAttestation(attestation)], { mesh, signer: STRANGER })
  const body = { v: 1 as const, head, attestations: [...items], outputs: [] }
  return sealFrame({ kind: 'result', body }, { mesh, signer })
}

export const HOSTILE_FRAMES: Readonly<
  Record<string, readonly [ErrorCode, (speaker: Speaker) => Uint8Array]>
> = {
  'bytes that are no message': ['contracts.message_malformed', () => Uint8Array.of(1, 2, 3)],
  'a kind that nobody knows': ['wire.kind_unknown', () => Uint8Array.of(99, 0, 0)],
  'no bytes at all': ['wire.kind_unknown', () => new Uint8Array(0)],
  'a bad signature': [
    'contracts.signature_invalid',
    (speaker) => flippedEnd(sealFrame(helloOf(speaker.signer), speaker))
  ],
  "another mesh's message": [
    'contracts.signature_invalid',
    ({ signer }) => sealFrame(helloOf(signer), { mesh: OTHER_MESH, signer })
  ],
  "another peer's hello, replayed": [
    'contracts.signature_invalid',
    ({ mesh }) => sealFrame(helloOf(STRANGER), { mesh, signer: STRANGER })
  ],
  'a message of another typ': [
    'contracts.typ_mismatch',
    (speaker) => message('claim', encodeCanonical(FRAME_BODIES.heartbeat.full), speaker)
  ],
  'CBOR that is not canonical': [
    'contracts.cbor_not_canonical',
    (speaker) => message('heartbeat', LONG_ONE, speaker)
  ],
  'a message of another shape': [
    'wire.message_malformed',
    (speaker) => message('heartbeat', encodeCanonical({ v: 1 }), speaker)
  ],
  'a frame that only gateways send': [
    'wire.kind_unknown',
    (speaker) => sealFrame({ kind: 'reveal', body: FRAME_BODIES.reveal.full }, speaker)
  ],
  'a result whose batch is of another signer': ['attestation.signer_mismatch', strangersResult]
}
