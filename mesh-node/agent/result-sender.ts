/**
 * Signs attestations in batches, sends them with their small outputs, and keeps both until the gateway
 * has spoken: then the node's own log gets receipts and verdicts. Decides nothing about what is sent.
 */
import {
  type Attestation,
  batchProver,
  type EntryContent,
  encodeCanonical,
  FRAME_BYTES_MAX,
  type LeaseId,
  type MeshId,
  type PeerId,
  type Receipt,
  type ResultMessage,
  type Signer,
  signResults
} from '#contracts'

/** Room in a frame for everything but attestations and outputs: envelope, batch head, CBOR heads. */
const FRAME_OVERHEAD_BYTES = 64 * 1024
/** Receipts of one ledger entry: at 1.5 KiB each the entry stays under half of its limit. */
const RECEIPTS_PER_ENTRY = 256

export type ReceiptOf = () => Receipt
type Verdicts = Extract<EntryContent, { kind: 'results.attested' }>['body']['verdicts']

interface Kept {
  readonly inline: Uint8Array | null
  receipt: ReceiptOf | null
}

export class ResultSender {
  readonly #mesh: MeshId
  readonly #signer: Signer
  readonly #kept = new Map<LeaseId, Kept>()

  constructor({ mesh, signer }: { readonly mesh: MeshId; readonly signer: Signer }) {
    this.#mesh = mesh
    this.#signer = signer
  }

  /** Holds what goes with the lease's attestation, however often it is sent. */
  keep(lease: LeaseId, inline: Uint8Array | null): void {
    this.#kept.set(lease, { inline, receipt: null })
  }

  forget(lease: LeaseId): void {
    this.#kept.delete(lease)
  }

  /** One message per frame that the attestations need. */
  pack(attestations: readonly Attestation[]): ResultMessage[] {
    const messages: ResultMessage[] = []
    let parcel = new Parcel()
    for (const attestation of attestations) {
      const item = encodeCanonical(attestation)
      const inline = this.#kept.get(attestation.lease_id)?.inline ?? null
      if (!parcel.hasRoom(item, inline)) {
        messages.push(this.#seal(parcel))
        parcel = new Parcel()
      }
      parcel.add(attestation, item, inline)
    }
    if (parcel.items.length > 0) messages.push(this.#seal(parcel))
    return messages
  }

  /** Ledger entries of the gateway's verdicts, with the receipt of each result. */
  record(gateway: PeerId, verdicts: Verdicts): EntryContent[] {
    const contents: EntryContent[] = []
    for (let start = 0; start < verdicts.length; start += RECEIPTS_PER_ENTRY) {
      const part = verdicts.slice(start, start + RECEIPTS_PER_ENTRY)
      const receipts = part.flatMap(({ lease_id }) => {
        const receipt = this.#kept.get(lease_id)?.receipt
        return receipt === undefined || receipt === null ? [] : [receipt()]
      })
      const body = { gateway, receipts, verdicts: part }
      contents.push({ kind: 'results.attested', body })
    }
    return contents
  }

  #seal({ leases, items, outputs }: Parcel): ResultMessage {
    const batch = signResults(items, { mesh: this.#mesh, signer: this.#signer })
    let prove: ((index: number) => Receipt) | null = null
    for (const [index, lease] of leases.entries()) {
      const kept = this.#kept.get(lease)
      if (kept === undefined) continue
      kept.receipt = () => {
        prove ??= proverOf(batch)
        return prove(index)
      }
    }
    return { v: 1, head: batch.head, attestations: items, outputs: [...outputs] }
  }
}

function proverOf(batch: Parameters<typeof batchProver>[0]): (index: number) => Receipt {
  const prove = batchProver(batch)
  return (index) => {
    const { head, item, path } = prove(index)
    return { head, item, path: [...path], index }
  }
}

/** What goes into one frame; an output that several results share is in it once. */
class Parcel {
  readonly leases: LeaseId[] = []
  readonly items: Uint8Array[] = []
  readonly outputs = new Set<Uint8Array>()
  #bytes = FRAME_OVERHEAD_BYTES

  hasRoom(item: Uint8Array, inline: Uint8Array | null): boolean {
    return this.items.length === 0 || this.#bytes + this.#cost(item, inline) <= FRAME_BYTES_MAX
  }

  add({ lease_id }: Attestation, item: Uint8Array, inline: Uint8Array | null): void {
    this.#bytes += this.#cost(item, inline)
    this.leases.push(lease_id)
    this.items.push(item)
    if (inline !== null) this.outputs.add(inline)
  }

  #cost(item: Uint8Array, inline: Uint8Array | null): number {
    const isNew = inline !== null && !this.outputs.has(inline)
    return item.length + 8 + (isNew ? inline.length + 8 : 0)
  }
}
