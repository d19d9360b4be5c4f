export { sha256 } from '#contracts/platform'
export {
  type Batch,
  type BatchItem,
  batchProver,
  encodeBatch,
  encodeItem,
  type OpenedItem,
  openBatch,
  openItem,
  openProvenItem,
  proveItem,
  readItem,
  type SignBatchOptions,
  signBatch
} from './batch.ts'
export { type DecodeLimits, decodeCanonical, encodeCanonical } from './cbor.ts'
export {
  type Cid,
  cidDigest,
  cidMatches,
  cidOfBlobDigest,
  cidOfBytes,
  cidOfDocument,
  isCid,
  parseCid
} from './cid.ts'
export {
  type MeshOrGenesis,
  type OpenedMessage,
  type OpenMessageOptions,
  openMessage,
  peekMessage,
  type SignMessageOptions,
  signMessage
} from './cose.ts'
export { isAcceptableKey, isAcceptableSignature } from './ed25519-rule.ts'
export {
  AssertionFailure,
  assert,
  assertNever,
  ERROR_CODES,
  type ErrorCode,
  type ErrorFacts,
  type Issue,
  MeshError,
  type MeshErrorOptions,
  type Retry
} from './errors.ts'
export { bytesToHex, compareBytes, concatBytes, equalBytes, hexToBytes } from './hex.ts'
export { BATCH_ITEMS_MAX, CBOR_DEPTH_MAX, VERIFIER_KEYS_MAX } from './limits.ts'
export {
  type ConsistencyClaim,
  consistencyProof,
  type HashInclusionClaim,
  type InclusionClaim,
  inclusionProof,
  inclusionProofOfLevels,
  leafHash,
  type MerkleLevels,
  merkleLevels,
  merkleRoot,
  nodeHash,
  rootOfLevels,
  verifyConsistency,
  verifyInclusion,
  verifyInclusionOfHash
} from './merkle.ts'
export { tweetnaclSigner, tweetnaclVerifier } from './signer-tweetnacl.ts'
export {
  isPeerId,
  type PeerId,
  parsePeerId,
  peerIdFromBytes,
  peerIdFromPublicKey,
  peerIdToBytes,
  publicKeyFromPeerId,
  SEED_BYTES,
  SIGNATURE_BYTES,
  type Signer,
  type Verifier
} from './signing.ts'
