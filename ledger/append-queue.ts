/**
 * Group commit: contents that callers append while a write is under way go into the next batch
 * together, under one signed head, in the order of the calls. After a failed write nothing more is
 * appended: what was signed but perhaps not kept must never be signed otherwise.
 */
import {
  assert,
  type EntryContent,
  LEDGER_BATCH_BYTES_MAX,
  LEDGER_BATCH_ENTRIES_MAX,
  LEDGER_ENTRY_BYTES_MAX,
  type LedgerEntry,
  type LogId,
  MeshError,
  packEntry,
  type SignedHead
} from '#contracts'

interface Job {
  readonly contents: readonly EntryContent[]
  next: number
  readonly resolve: (head: SignedHead) => void
  readonly reject: (error: unknown) => void
}

/** The last entry of the log: what the next one follows. */
export interface LogEnd {
  readonly log: LogId
  readonly seq: number
  readonly hash: Uint8Array
}

export interface AppendQueueOptions {
  readonly end: LogEnd
  /** Contents of the ledger's own, asked for before every batch. */
  readonly before: () => readonly EntryContent[]
  /** Signs, stores and folds a batch. */
  readonly commit: (entries: readonly LedgerEntry[]) => Promise<SignedHead>
}

export class AppendQueue {
  readonly #options: AppendQueueOptions
  readonly #jobs: Job[] = []
  #end: LogEnd
  #running: Promise<void> | null = null
  #failed: unknown = null

  constructor(options: AppendQueueOptions) {
    this.#options = options
    this.#end = options.end
  }

  /** Resolves with a head that covers all the contents, once they are stored and folded. */
  append(contents: readonly EntryContent[]): Promise<SignedHead> {
    assert(contents.length > 0, 'an append has contents')
    return new Promise((resolve, reject) => {
      if (this.#failed !== null) {
        reject(this.#failed)
        return
      }
      this.#jobs.push({ contents, next: 0, resolve, reject })
      this.wake()
    })
  }

  /** Writes what `before` has to say, even where nobody appends. */
  wake(): void {
    if (this.#running !== null || this.#failed !== null) return
    this.#running = this.#run().finally(() => {
      this.#running = null
      if (this.#jobs.length > 0) this.wake()
    })
  }

  /** Refuses every append from here on. */
  fail(error: MeshError): void {
    this.#failed ??= error
    for (const job of this.#jobs.splice(0)) job.reject(this.#failed)
  }

  /** Ends when all that was appended is stored. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async #run(): Promise<void> {
    // one turn of the microtask queue lets callers of the same moment share a batch
    await Promise.resolve()
    while (this.#failed === null) {
      const { entries, done } = this.#take()
      if (entries.length === 0) return
      try {
        const head = await this.#options.commit(entries)
        for (const job of done) job.resolve(head)
      } catch (error) {
        this.#failed = error
        for (const job of done) job.reject(error)
        for (const job of this.#jobs.splice(0)) job.reject(error)
      }
    }
  }

  #take(): { readonly entries: readonly LedgerEntry[]; readonly done: readonly Job[] } {
    const batch = new BatchPacker(this.#end)
    for (const content of this.#options.before()) batch.add(content)
    const done: Job[] = []
    for (let job = this.#jobs[0]; job !== undefined && !batch.isFull; job = this.#jobs[0]) {
      const mark = batch.mark()
      try {
        while (job.next < job.contents.length && !batch.isFull) {
          const content = job.contents[job.next]
          assert(content !== undefined, 'the job has contents left')
          batch.add(content)
          job.next += 1
        }
      } catch (error) {
        batch.backTo(mark)
        this.#jobs.shift()
        job.reject(error)
        continue
      }
      if (job.next < job.contents.length) break
      this.#jobs.shift()
      done.push(job)
    }
    this.#end = batch.end
    return { entries: batch.entries, done }
  }
}

interface Mark {
  readonly count: number
  readonly end: LogEnd
  readonly bytes: number
}

/** Packs contents onto the end of a log, up to the bounds of a batch. */
class BatchPacker {
  readonly entries: LedgerEntry[] = []
  end: LogEnd
  #bytes = 0

  constructor(end: LogEnd) {
    this.end = end
  }

  get isFull(): boolean {
    return (
      this.entries.length >= LEDGER_BATCH_ENTRIES_MAX ||
      this.#bytes + LEDGER_ENTRY_BYTES_MAX > LEDGER_BATCH_BYTES_MAX
    )
  }

  mark(): Mark {
    return { count: this.entries.length, end: this.end, bytes: this.#bytes }
  }

  /** Takes out what was added since. */
  backTo({ count, end, bytes }: Mark): void {
    this.entries.length = count
    this.end = end
    this.#bytes = bytes
  }

  /** Content over the size of an entry is halved where it is a list of items. */
  add(content: EntryContent): void {
    const { log, seq, hash } = this.end
    const entry = packEntry(content, { log, seq: seq + 1, prev: hash })
    if (entry.bytes.length > LEDGER_ENTRY_BYTES_MAX) {
      for (const half of halved(content, entry.bytes.length)) this.add(half)
      return
    }
    this.entries.push(entry)
    this.#bytes += entry.bytes.length
    this.end = { log, seq: entry.seq, hash: entry.hash }
  }
}

function halved(content: EntryContent, bytes: number): readonly EntryContent[] {
  if (content.kind === 'units.accepted' && content.body.items.length > 1) {
    const { items } = content.body
    const middle = items.length >>> 1
    return [items.slice(0, middle), items.slice(middle)].map((half) => ({
      ...content,
      body: { ...content.body, items: half }
    }))
  }
  if (content.kind === 'units.voided' && content.body.items.length > 1) {
    const { items } = content.body
    const middle = items.length >>> 1
    return [items.slice(0, middle), items.slice(middle)].map((half) => ({
      ...content,
      body: { ...content.body, items: half }
    }))
  }
  if (content.kind === 'results.attested' && content.body.receipts.length > 1) {
    const { gateway, receipts, verdicts } = content.body
    const middle = receipts.length >>> 1
    return [
      { kind: content.kind, body: { gateway, receipts: receipts.slice(0, middle), verdicts } },
      { kind: content.kind, body: { gateway, receipts: receipts.slice(middle), verdicts: [] } }
    ]
  }
  throw new MeshError('contracts.too_large', {
    kind: content.kind,
    bytes,
    bytesMax: LEDGER_ENTRY_BYTES_MAX
  })
}
