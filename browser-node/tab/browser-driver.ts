/**
 * The rest of what a tab asks of its browser: keys and chance, IndexedDB, the page's host, what the
 * machine says of itself, and the place that one tab of an origin holds. Decides nothing.
 */
import { BrowserLevel } from 'browser-level'
import { type Cid, MeshError, type MeshId } from '#contracts'
import type { LevelPort } from '#ledger'
import { BlobShelf } from '#mesh-node/portable'
import { type FileSource, privateFiles } from '../exec/file-source.ts'
import { openPrivateShelf } from './disk-driver.ts'
import type { Sensed } from './limits-machine.ts'
import { MemoryDisk } from './memory-disk.ts'
import type { ProfileLevel } from './profile.ts'
import type { Detail, HostBlob, OpenShelf, PageHost, WorkPlace } from './tab-ports.ts'
import { hasTransport } from './transports.ts'

const PROFILE = 'kora-profile'
const LEDGER = 'kora-ledger'
const PLACE = 'kora-place'
/** Without locks of the browser nobody can tell whether another tab works. */
const hasLocks = (): boolean => 'locks' in navigator

/** What is missing for taking part at all, the most telling first. */
export function lacks(): Detail | null {
  if (!globalThis.isSecureContext) return { key: 'blocked.insecure', facts: {} }
  if (typeof WebAssembly !== 'object') return { key: 'blocked.no_wasm', facts: {} }
  if (typeof crypto?.subtle !== 'object') return { key: 'blocked.no_crypto', facts: {} }
  if (typeof Worker !== 'function') return { key: 'blocked.no_workers', facts: {} }
  if (!hasTransport()) return { key: 'blocked.no_transport', facts: {} }
  if (typeof indexedDB !== 'object' || indexedDB === null) {
    return { key: 'blocked.no_storage', facts: { fault: 'IndexedDB' } }
  }
  return null
}

export const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes))

export const utcOffsetMin = (): number => -new Date().getTimezoneOffset()

export const openProfileLevel = (): ProfileLevel =>
  new BrowserLevel<string, Uint8Array>(PROFILE, { keyEncoding: 'utf8', valueEncoding: 'view' })

export const openLedgerLevel = (mesh: MeshId): LevelPort =>
  new BrowserLevel<Uint8Array, Uint8Array>(`${LEDGER}-${mesh}`, {
    keyEncoding: 'view',
    valueEncoding: 'view'
  })

/** Blobs of a browser without private files, by the paths that executors get. */
const inMemory = new Map<string, Uint8Array>()
let published = 0

/** Where executors find a blob's bytes, wherever its shelf keeps them. */
export const blobFiles: FileSource = (path) => {
  const bytes = inMemory.get(path)
  return bytes === undefined ? privateFiles(path) : { kind: 'bytes', bytes }
}

/** Blobs in the origin's private files; where the browser has none, in memory as long as the page lives. */
export async function openShelf(bytesMax: number): Promise<OpenShelf> {
  try {
    return await openPrivateShelf(bytesMax)
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== 'store.unwritable') throw error
    const disk = new MemoryDisk((bytes) => {
      const path = `memory/${published++}`
      inMemory.set(path, bytes)
      return { path, withdraw: () => inMemory.delete(path) }
    })
    return { shelf: new BlobShelf(disk, { blobs: [], partials: [] }, { bytesMax }), close() {} }
  }
}

/** A host that is slower than this with a document is one that has none: the page waits for it. */
const DOCUMENT_MS_MAX = 10_000
/** The larger of the two documents, with room: what is longer is neither. */
const DOCUMENT_BYTES_MAX = 128 * 1024

/** The server below this address: `genesis/<mesh>`, `mesh/<mesh>` and `blob/<cid>` of the page's own origin. */
export function pageHost(base: string): PageHost {
  return {
    genesis: (mesh) => readDocument(new URL(`genesis/${mesh}`, base)),
    notice: (mesh) => readDocument(new URL(`mesh/${mesh}`, base)),
    async blob(cid: Cid, offset: number, signal: AbortSignal): Promise<HostBlob | null> {
      const headers: HeadersInit = offset === 0 ? {} : { range: `bytes=${offset}-` }
      const response = await fetch(new URL(`blob/${cid}`, base), {
        ...{ signal, headers },
        cache: 'no-store'
      })
      if (!response.ok || response.body === null || isDocument(response)) {
        await response.body?.cancel()
        return null
      }
      const skip = response.status === 206 ? 0 : offset
      const length = Number(response.headers.get('content-length') ?? Number.MAX_SAFE_INTEGER)
      const size = response.status === 206 ? offset + length : length
      return { size, parts: partsOf(response.body, skip) }
    }
  }
}

async function readDocument(url: URL): Promise<Uint8Array | null> {
  const signal = AbortSignal.timeout(DOCUMENT_MS_MAX)
  const response = await fetch(url, { cache: 'no-store', signal })
  if (!response.ok || response.body === null || isDocument(response)) {
    await response.body?.cancel()
    return null
  }
  const parts: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  for await (const part of partsOf(response.body, 0)) {
    bytes += part.length
    if (bytes > DOCUMENT_BYTES_MAX) return null
    parts.push(part.slice())
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

/** Servers of single-page sites answer any path with their page. */
const isDocument = (response: Response): boolean =>
  response.headers.get('content-type')?.startsWith('text/') === true

async function* partsOf(
  body: ReadableStream<Uint8Array>,
  skip: number
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  let left = skip
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const part = value.subarray(Math.min(left, value.length))
      left -= value.length - part.length
      if (part.length > 0) yield part
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

export const workPlace: WorkPlace = {
  claim() {
    if (!hasLocks()) return Promise.resolve(() => {})
    const { promise, resolve } = Promise.withResolvers<(() => void) | null>()
    const held = Promise.withResolvers<void>()
    const asked = navigator.locks.request(PLACE, { ifAvailable: true }, (lock) => {
      if (lock === null) {
        resolve(null)
        return undefined
      }
      resolve(() => held.resolve())
      return held.promise
    })
    asked.catch(() => resolve(null))
    return promise
  },
  async whenFree() {
    if (hasLocks()) await navigator.locks.request(PLACE, () => {})
  }
}

/** The battery of browsers that tell of it. */
interface Battery extends EventTarget {
  readonly charging: boolean
}

/** The line of browsers that tell of it. */
interface Line extends EventTarget {
  readonly saveData?: boolean
  readonly type?: string
}

const isBattery = (value: unknown): value is Battery =>
  value instanceof EventTarget && 'charging' in value

const isLine = (value: unknown): value is Line => value instanceof EventTarget

export function sense(listener: (sensed: Sensed) => void): () => void {
  const ended = new AbortController()
  const { signal } = ended
  const line: unknown = Reflect.get(navigator, 'connection')
  let battery: Battery | null = null
  let frozen = false
  const tell = () => {
    if (signal.aborted) return
    listener({
      onBattery: battery !== null && !battery.charging,
      metered: isLine(line) && (line.saveData === true || line.type === 'cellular'),
      online: navigator.onLine,
      frozen
    })
  }
  if (isLine(line)) line.addEventListener('change', tell, { signal })
  addEventListener('online', tell, { signal })
  addEventListener('offline', tell, { signal })
  document.addEventListener(
    'freeze',
    () => {
      frozen = true
      tell()
    },
    { signal }
  )
  document.addEventListener(
    'resume',
    () => {
      frozen = false
      tell()
    },
    { signal }
  )
  readBattery()
    .then((found) => {
      battery = found
      found?.addEventListener('chargingchange', tell, { signal })
      tell()
    })
    // a browser that refuses to say is one that does not know
    .catch(() => {})
  tell()
  return () => ended.abort()
}

async function readBattery(): Promise<Battery | null> {
  const ask: unknown = Reflect.get(navigator, 'getBattery')
  if (typeof ask !== 'function') return null
  const found: unknown = await ask.call(navigator)
  return isBattery(found) ? found : null
}
