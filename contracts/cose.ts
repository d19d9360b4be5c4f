/**
 * The one envelope of everything signed: a tagged COSE_Sign1 (RFC 9052) with EdDSA.
 *
 * Protected header: alg (1: -8), kid (4: the 38 bytes of a peer id), typ (16: RFC 9596); no
 * unprotected header. The mesh id is the external AAD, so bytes signed as one thing or for one
 * mesh verify as nothing else. Exactly one encoding is taken; every other one is malformed.
 * The order is size, structure, typ, signature; the payload's meaning is the caller's.
 */

import { headLength, MAJOR, readString, writeBytes, writeHead } from './cbor-head.ts'
import { assert, MeshError } from './errors.ts'
import { equalBytes, hexToBytes } from './hex.ts'
import type { MeshId } from './ids.ts'
import {
  PEER_ID_BYTES,
  type PeerId,
  peerIdFromBytes,
  peerIdToBytes,
  SIGNATURE_BYTES,
  type Signer,
  type Verifier
} from './signing.ts'

/** Tag 18, then an array of four. */
const ENVELOPE_HEAD = Uint8Array.of(0xd2, 0x84)
/** A map of three; 1: -8 (EdDSA); 4: 38 bytes, which follow. */
const HEADER_TO_KID = Uint8Array.of(0xa3, 0x01, 0x27, 0x04, 0x58, PEER_ID_BYTES)
const LABEL_TYP = 0x10
const EMPTY_MAP = 0xa0
/** The head of the array that is signed, and its first element, the context string. */
const SIGNABLE_HEAD = Uint8Array.of(0x84, 0x6a, ...new TextEncoder().encode('Signature1'))
const SIGNATURE_ITEM_BYTES = 2 + SIGNATURE_BYTES
const TYP = /^application\/vnd\.[a-z0-9]+(?:[.-][a-z0-9]+)*\+cbor$/
/** By signer and typ, of which the code has a few. */
const headers = new WeakMap<Signer, Map<string, Uint8Array>>()
const NO_BYTES = new Uint8Array(0)
const UTF8_ENCODER = new TextEncoder()
const UTF8_DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `null` is for the genesis alone: it makes the mesh id, so it cannot be signed under it. */
export type MeshOrGenesis = MeshId | null

export interface SignMessageOptions {
  /** Media type of the payload, for example `application/vnd.kora.work-unit.v1+cbor`. */
  readonly typ: string
  readonly mesh: MeshOrGenesis
  readonly payload: Uint8Array
  readonly signer: Signer
}

export interface OpenMessageOptions {
  readonly typ: string
  readonly mesh: MeshOrGenesis
  readonly verifier: Verifier
  /** Bound on the whole envelope. */
  readonly bytesMax: number
  /** Where it is given, every other signer is refused. */
  readonly signedBy?: PeerId
}

export interface OpenedMessage {
  /** A view into the bytes that were opened, not a copy. */
  readonly payload: Uint8Array
  readonly kid: PeerId
}

export function signMessage({ typ, mesh, payload, signer }: SignMessageOptions): Uint8Array {
  const header = headerOf(signer, typ)
  const headerStart = ENVELOPE_HEAD.length
  const headerEnd = headerStart + headLength(header.length) + header.length
  const payloadEnd = headerEnd + 1 + headLength(payload.length) + payload.length
  const envelope = new Uint8Array(payloadEnd + SIGNATURE_ITEM_BYTES)
  envelope.set(ENVELOPE_HEAD)
  writeBytes(envelope, headerStart, header)
  envelope[headerEnd] = EMPTY_MAP
  writeBytes(envelope, headerEnd + 1, payload)
  const headerItem = envelope.subarray(headerStart, headerEnd)
  const payloadItem = envelope.subarray(headerEnd + 1, payloadEnd)
  const signature = signer.sign(signable(headerItem, mesh, payloadItem))
  assert(signature.length === SIGNATURE_BYTES, 'a signer makes Ed25519 signatures')
  writeBytes(envelope, payloadEnd, signature)
  return envelope
}

/** Throws contracts.too_large, .message_malformed, .typ_mismatch or .signature_invalid. */
export function openMessage(bytes: Uint8Array, options: OpenMessageOptions): OpenedMessage {
  const { typ, mesh, verifier, bytesMax, signedBy } = options
  const envelope = readEnvelope(bytes, bytesMax)
  if (envelope.typ !== typ) {
    throw new MeshError('contracts.typ_mismatch', {
      expected: typ,
      got: envelope.typ.slice(0, 128)
    })
  }
  const { kid, payload, signature } = envelope
  if (signedBy !== undefined && kid !== signedBy) {
    throw new MeshError('contracts.signature_invalid', { typ, kid, signedBy })
  }
  const signed = signable(envelope.headerItem, mesh, envelope.payloadItem)
  if (!verifier.verify(kid, signed, signature)) {
    throw new MeshError('contracts.signature_invalid', { typ, kid })
  }
  return { payload, kid }
}

/** What a message says it is and who says so. Nothing here is verified: for choosing a handler. */
export function peekMessage(
  bytes: Uint8Array,
  { bytesMax }: { readonly bytesMax: number }
): { readonly typ: string; readonly kid: PeerId } {
  const { typ, kid } = readEnvelope(bytes, bytesMax)
  return { typ, kid }
}

interface Envelope {
  readonly typ: string
  readonly kid: PeerId
  readonly payload: Uint8Array
  readonly signature: Uint8Array
  /** Both as received, heads included: exactly what the signature covers. */
  readonly headerItem: Uint8Array
  readonly payloadItem: Uint8Array
}

function readEnvelope(bytes: Uint8Array, bytesMax: number): Envelope {
  if (bytes.length > bytesMax) {
    throw new MeshError('contracts.too_large', { bytes: bytes.length, bytesMax })
  }
  if (!startsWith(bytes, ENVELOPE_HEAD)) throw malformed('not a tagged COSE_Sign1')
  const headerStart = ENVELOPE_HEAD.length
  const header = readString(bytes, headerStart, MAJOR.bytes)
  if (header === undefined) throw malformed('protected header')
  if (bytes[header.end] !== EMPTY_MAP) throw malformed('unprotected header')
  const payloadStart = header.end + 1
  const payload = readString(bytes, payloadStart, MAJOR.bytes)
  if (payload === undefined) throw malformed('payload')
  const signature = readString(bytes, payload.end, MAJOR.bytes)
  if (signature === undefined || signature.end - signature.start !== SIGNATURE_BYTES) {
    throw malformed('signature')
  }
  if (signature.end !== bytes.length) throw malformed('trailing bytes')
  return {
    ...readHeader(bytes.subarray(header.start, header.end)),
    payload: bytes.subarray(payload.start, payload.end),
    signature: bytes.subarray(signature.start, signature.end),
    headerItem: bytes.subarray(headerStart, header.end),
    payloadItem: bytes.subarray(payloadStart, payload.end)
  }
}

function readHeader(header: Uint8Array): Pick<Envelope, 'kid' | 'typ'> {
  const kidEnd = HEADER_TO_KID.length + PEER_ID_BYTES
  if (!startsWith(header, HEADER_TO_KID) || header[kidEnd] !== LABEL_TYP) {
    throw malformed('protected header')
  }
  const typ = readString(header, kidEnd + 1, MAJOR.text)
  if (typ === undefined || typ.end !== header.length) throw malformed('typ')
  try {
    return {
      kid: peerIdFromBytes(header.subarray(HEADER_TO_KID.length, kidEnd)),
      typ: UTF8_DECODER.decode(header.subarray(typ.start, typ.end))
    }
  } catch (cause) {
    throw new MeshError('contracts.message_malformed', { part: 'kid or typ' }, { cause })
  }
}

/** Kept: reading base58 alone takes a fifth of a native signature. */
function headerOf(signer: Signer, typ: string): Uint8Array {
  let known = headers.get(signer)
  if (known === undefined) {
    known = new Map()
    headers.set(signer, known)
  }
  let header = known.get(typ)
  if (header === undefined) {
    header = protectedHeader(typ, peerIdToBytes(signer.peerId))
    known.set(typ, header)
  }
  return header
}

function protectedHeader(typ: string, kid: Uint8Array): Uint8Array {
  assert(TYP.test(typ), `a typ is a vendor media type of CBOR, not ${typ}`)
  const text = UTF8_ENCODER.encode(typ)
  const kidEnd = HEADER_TO_KID.length + kid.length
  const header = new Uint8Array(kidEnd + 1 + headLength(text.length) + text.length)
  header.set(HEADER_TO_KID)
  header.set(kid, HEADER_TO_KID.length)
  header[kidEnd] = LABEL_TYP
  header.set(text, writeHead(header, kidEnd + 1, MAJOR.text, text.length))
  return header
}

/** Sig_structure of RFC 9052 section 4.4; the two items come with their heads. */
function signable(
  headerItem: Uint8Array,
  mesh: MeshOrGenesis,
  payloadItem: Uint8Array
): Uint8Array {
  const aad = mesh === null ? NO_BYTES : hexToBytes(mesh)
  const aadStart = SIGNABLE_HEAD.length + headerItem.length
  const payloadStart = aadStart + headLength(aad.length) + aad.length
  const bytes = new Uint8Array(payloadStart + payloadItem.length)
  bytes.set(SIGNABLE_HEAD)
  bytes.set(headerItem, SIGNABLE_HEAD.length)
  writeBytes(bytes, aadStart, aad)
  bytes.set(payloadItem, payloadStart)
  return bytes
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, prefix.length), prefix)
}

function malformed(part: string): MeshError {
  return new MeshError('contracts.message_malformed', { part })
}
