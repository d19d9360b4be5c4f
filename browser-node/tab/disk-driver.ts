/**
 * The origin's private files as the disk below a shelf of blobs. Writes and hashes through the disk
 * worker, reads without it. What the browser refuses becomes `store.*`.
 */
import { BLOB_BYTES_MAX, type Cid, cidDigest, isCid, MeshError } from '#contracts'
import {
  type BlobDisk,
  type BlobReader,
  BlobShelf,
  type BlobWriter,
  type Digested,
  type WriterPorts
} from '#mesh-node/portable'
import {
  BYTES_FOLDER,
  DISK_FOLDER,
  type DiskAnswer,
  type DiskArgs,
  type DiskCall,
  type DiskReply,
  MARKS_FOLDER,
  privatePath
} from './disk-protocol.ts'

/** A use is written down this seldom: the order of eviction needs no more. */
const TOUCH_MS = 600_000

/** Opens the blobs of this origin. Throws `store.unwritable` where the browser keeps none. */
export async function openPrivateShelf(bytesMax: number): Promise<PrivateShelf> {
  const disk = await PrivateDisk.open()
  try {
    const { blobs, partials } = await disk.call('open', { nowMs: Date.now() })
    const found = {
      blobs: blobs.flatMap(({ cid, ...rest }) => (isCid(cid) ? [{ cid, ...rest }] : [])),
      partials: partials.filter(isCid)
    }
    const shelf = new BlobShelf(disk, found, { bytesMax, blobBytesMax: BLOB_BYTES_MAX })
    return { shelf, close: () => disk.close() }
  } catch (error) {
    disk.close()
    throw error
  }
}

export interface PrivateShelf {
  readonly shelf: BlobShelf
  close(): void
}

interface Waiting {
  readonly resolve: (answer: DiskAnswer<DiskCall>) => void
  readonly reject: (error: unknown) => void
}

class PrivateDisk implements BlobDisk {
  readonly #bytes: FileSystemDirectoryHandle
  readonly #marks: FileSystemDirectoryHandle
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #touchedAtMs = new Map<Cid, number>()
  #calls = 0

  private constructor(bytes: FileSystemDirectoryHandle, marks: FileSystemDirectoryHandle) {
    this.#bytes = bytes
    this.#marks = marks
    this.#worker = new Worker(new URL('./disk-worker.ts', import.meta.url), { type: 'module' })
    this.#worker.addEventListener('message', ({ data }: MessageEvent<DiskReply>) =>
      this.#answered(data)
    )
    this.#worker.addEventListener('error', ({ message }) => this.#fail(message))
  }

  static async open(): Promise<PrivateDisk> {
    try {
      const root = await navigator.storage.getDirectory()
      const folder = await root.getDirectoryHandle(DISK_FOLDER, { create: true })
      const bytes = await folder.getDirectoryHandle(BYTES_FOLDER, { create: true })
      return new PrivateDisk(bytes, await folder.getDirectoryHandle(MARKS_FOLDER, { create: true }))
    } catch (cause) {
      throw refusal(faultOf(cause), cause)
    }
  }

  call<C extends DiskCall>(
    call: C,
    args: DiskArgs<C>,
    transfer: Transferable[] = []
  ): Promise<DiskAnswer<C>> {
    const id = this.#calls++
    const { promise, resolve, reject } = Promise.withResolvers<DiskAnswer<DiskCall>>()
    this.#waiting.set(id, { resolve, reject })
    this.#worker.postMessage({ id, call, args }, transfer)
    // the worker answers each call with what `DiskCalls` says
    return promise as Promise<DiskAnswer<C>>
  }

  pathOf(cid: Cid): string {
    return privatePath(cid)
  }

  async sizeOf(cid: Cid): Promise<number | null> {
    try {
      await this.#marks.getFileHandle(cid)
      return (await (await this.#bytes.getFileHandle(cid)).getFile()).size
    } catch (error) {
      return absent(error)
    }
  }

  async openReader(cid: Cid, closed: () => void): Promise<BlobReader | null> {
    try {
      const file = await (await this.#bytes.getFileHandle(cid)).getFile()
      this.#touch(cid)
      return fileReader(file, closed)
    } catch (error) {
      return absent(error)
    }
  }

  digest(cid: Cid): Promise<Digested> {
    this.#touch(cid)
    return this.call('digest', { cid })
  }

  async write(cid: Cid, bytes: Uint8Array): Promise<void> {
    await this.call('write', { cid, bytes })
  }

  async openWriter(cid: Cid, ports: WriterPorts): Promise<BlobWriter> {
    const offset = await this.call('partOpen', { cid })
    return new PrivateWriter({ disk: this, cid, ports, offset })
  }

  /** Nobody looks into a browser's private files: what is damaged goes. */
  async putAside(cid: Cid): Promise<string> {
    await this.remove(cid)
    return ''
  }

  remove(cid: Cid): Promise<boolean> {
    return this.call('remove', { cid })
  }

  close(): void {
    this.#worker.terminate()
    this.#fail('closed')
  }

  #touch(cid: Cid): void {
    const nowMs = Date.now()
    if (nowMs - (this.#touchedAtMs.get(cid) ?? 0) < TOUCH_MS) return
    this.#touchedAtMs.set(cid, nowMs)
    // the order of eviction is a hint: one that is lost costs a fetch at worst
    this.call('touch', { cid }).catch(() => {})
  }

  #answered(reply: DiskReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('answer' in reply) waiting?.resolve(reply.answer)
    else waiting?.reject(refusal(reply.fault))
  }

  #fail(reason: string): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    const error = refusal({ name: 'worker', message: reason })
    for (const { reject } of waiting) reject(error)
  }
}

interface WriterParts {
  readonly disk: PrivateDisk
  readonly cid: Cid
  readonly ports: WriterPorts
  readonly offset: number
}

class PrivateWriter implements BlobWriter {
  readonly #disk: PrivateDisk
  readonly #cid: Cid
  readonly #ports: WriterPorts
  #offset: number
  #order: Promise<unknown> = Promise.resolve()

  constructor({ disk, cid, ports, offset }: WriterParts) {
    this.#disk = disk
    this.#cid = cid
    this.#ports = ports
    this.#offset = offset
  }

  get offset(): number {
    return this.#offset
  }

  /** Writes follow each other; room is made before the bytes go. */
  async write(bytes: Uint8Array): Promise<void> {
    const at = this.#offset
    this.#offset += bytes.length
    const own = bytes.slice()
    const written = this.#order.then(async () => {
      await this.#ports.reserve(at, own.length)
      await this.#disk.call('partWrite', { cid: this.#cid, bytes: own }, [own.buffer])
    })
    this.#order = written
    written.catch(() => {})
    await written
  }

  async commit(): Promise<boolean> {
    await this.#order
    const digest = cidDigest(this.#cid)
    const isRight = await this.#disk.call('partCommit', { cid: this.#cid, digest })
    if (isRight) this.#ports.ended({ published: this.#offset, kept: false })
    return isRight
  }

  async digest(from: number, to: number): Promise<Uint8Array> {
    await this.#order
    return this.#disk.call('partDigest', { cid: this.#cid, from, to })
  }

  async suspend(): Promise<void> {
    await this.#close(true)
  }

  async discard(): Promise<void> {
    await this.#close(false)
  }

  async #close(keep: boolean): Promise<void> {
    await this.#order.catch(() => {})
    await this.#disk.call('partClose', { cid: this.#cid, keep })
    this.#ports.ended({ published: null, kept: keep })
  }
}

function fileReader(file: File, closed: () => void): BlobReader {
  let isOpen = true
  return {
    size: file.size,
    read: async (offset, length) =>
      new Uint8Array(await file.slice(offset, offset + length).arrayBuffer()),
    close: async () => {
      if (isOpen) closed()
      isOpen = false
    }
  }
}

interface DiskFault {
  readonly name: string
  readonly message: string
}

const faultOf = (cause: unknown): DiskFault =>
  cause instanceof Error || cause instanceof DOMException
    ? { name: cause.name, message: cause.message }
    : { name: 'Error', message: String(cause) }

function refusal({ name, message }: DiskFault, cause?: unknown): MeshError {
  const facts = { path: DISK_FOLDER, reason: `${name}: ${message}`.slice(0, 200) }
  const code = name === 'QuotaExceededError' ? 'store.disk_full' : 'store.unwritable'
  return new MeshError(code, facts, { cause })
}

function absent(error: unknown): null {
  if (error instanceof DOMException && error.name === 'NotFoundError') return null
  throw refusal(faultOf(error), error)
}
