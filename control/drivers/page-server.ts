/**
 * Serves the donate page and what a tab needs to begin: the page's files, the signed genesis and notice
 * of this mesh, and the content of the models that it registers. Everything here is public, so it asks
 * for no token; it knows no session, no input and no blob store, and takes nothing but GET and HEAD.
 */
import { createReadStream, type ReadStream } from 'node:fs'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { type Cid, MeshError, PAGE_CONNECTIONS_MAX, type SignedGenesis } from '#contracts'
import type { PageFile, PageFiles } from './page-files.ts'
import { readRange } from './page-range.ts'

/** Content of a registered model: a file, or bytes where it is as small as a manifest. */
export type PublicBlob =
  | { readonly path: string; readonly size: number }
  | { readonly bytes: Uint8Array; readonly size: number }

export interface PageServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: { readonly cert: Uint8Array; readonly key: Uint8Array } | null
}

export interface PageServerPorts {
  readonly files: PageFiles
  readonly headers: (path: string) => Readonly<Record<string, string>>
  readonly genesis: SignedGenesis
  /** Signed: what the mesh is for, and the models that it has now. */
  readonly notice: () => Uint8Array
  /** Null: not content of a model of this mesh, whatever else it may be. */
  readonly modelBlob: (cid: string) => Promise<PublicBlob | null>
}

export interface PageServer {
  readonly port: number
  close(): Promise<void>
}

/** A browser sends its headers at once; who takes longer holds a place for nothing. */
const HEADERS_MS_MAX = 10_000
/** A reader that takes no byte for so long is gone. */
const IDLE_MS_MAX = 60_000

/** Content by hash: it cannot change, other sites may fetch it, and nothing in it is run. */
const CONTENT_HEADERS = {
  'access-control-allow-origin': '*',
  'cache-control': 'public, max-age=31536000, immutable',
  'content-security-policy': "default-src 'none'; sandbox",
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff'
} as const
const PLAIN_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; sandbox",
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff'
} as const

/** Listens; throws `net.port_in_use` and `net.listen_failed`. */
export async function startPageServer(
  { host, port, tls }: PageServerOptions,
  ports: PageServerPorts
): Promise<PageServer> {
  const server = serverFor(tls, (request, response) => {
    answer(request, response, ports).catch((error: unknown) => {
      // a reader that goes away, or a file that does: nothing was promised to it
      if (response.headersSent) response.destroy()
      else refuse(response, error instanceof MeshError ? 404 : 500)
    })
  })
  server.headersTimeout = HEADERS_MS_MAX
  server.maxConnections = PAGE_CONNECTIONS_MAX
  server.setTimeout(IDLE_MS_MAX)
  await listening(server, { host, port })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((settle) => {
        server.close(() => settle())
        server.closeAllConnections()
      })
  }
}

function serverFor(tls: PageServerOptions['tls'], listener: RequestListener): Server {
  if (tls === null) return createServer(listener)
  try {
    return createTlsServer({ cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) }, listener)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeshError('page.certificate_unusable', { reason }, { cause })
  }
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('listening', resolve)
  server.once('error', (cause: NodeJS.ErrnoException) => {
    const inUse = cause.code === 'EADDRINUSE'
    const error = inUse
      ? new MeshError('net.port_in_use', { address: `${host}:${port}` }, { cause })
      : new MeshError('net.listen_failed', { reason: cause.message }, { cause })
    reject(error)
  })
  server.listen(port, host)
  return promise
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { files, headers, genesis, notice, modelBlob }: PageServerPorts
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    refuse(response, 405)
    return
  }
  const path = (request.url ?? '').split('?', 1)[0] ?? ''
  const [, folder, name = '', ...more] = path.split('/')
  if (folder === 'genesis' && more.length === 0) {
    if (name !== genesis.id) return refuse(response, 404)
    const content = { bytes: genesis.bytes, size: genesis.bytes.length }
    return sendContent(request, response, { content, etag: `"${genesis.id}"` })
  }
  if (folder === 'mesh' && more.length === 0) {
    if (name !== genesis.id) return refuse(response, 404)
    return sendWhole(request, response, notice())
  }
  if (folder === 'blob' && more.length === 0) {
    const content = await modelBlob(name)
    if (content === null) return refuse(response, 404)
    return sendContent(request, response, { content, etag: `"${name}"` })
  }
  const file = files.find(path)
  if (file === undefined) return refuse(response, 404)
  return sendFile(request, response, { file, headers: headers(file.path) })
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { file, headers }: { file: PageFile; headers: Readonly<Record<string, string>> }
): Promise<void> {
  response.setHeaders(new Headers({ ...headers, etag: file.etag, vary: 'accept-encoding' }))
  if (isFresh(request, file.etag)) {
    response.writeHead(304).end()
    return
  }
  const takesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const gzipped = takesGzip ? await file.gzipped() : null
  if (gzipped !== null) response.setHeader('content-encoding', 'gzip')
  response.setHeader('content-length', gzipped?.length ?? file.size)
  response.end(request.method === 'HEAD' ? undefined : (gzipped ?? (await file.bytes())))
}

/** Bytes under a name that stays while they change. */
function sendWhole(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void {
  const headers = { ...CONTENT_HEADERS, 'cache-control': 'no-store' }
  response.setHeaders(new Headers({ ...headers, 'content-type': 'application/octet-stream' }))
  response.setHeader('content-length', bytes.length)
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

/** One range at most, as a tab asks that goes on with a model after a reload. */
async function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  { content, etag }: { content: PublicBlob; etag: string }
): Promise<void> {
  response.setHeaders(
    new Headers({ ...CONTENT_HEADERS, etag, 'content-type': 'application/octet-stream' })
  )
  response.setHeader('accept-ranges', 'bytes')
  if (isFresh(request, etag)) {
    response.writeHead(304).end()
    return
  }
  const { size } = content
  const ifRange = request.headers['if-range']
  const range =
    ifRange === undefined || ifRange === etag ? readRange(request.headers.range, size) : null
  if (range === 'unsatisfiable') {
    response.setHeader('content-range', `bytes */${size}`)
    return refuse(response, 416)
  }
  const { from, to } = range ?? { from: 0, to: size }
  if (range !== null) {
    response.statusCode = 206
    response.setHeader('content-range', `bytes ${from}-${to - 1}/${size}`)
  }
  response.setHeader('content-length', to - from)
  if (request.method === 'HEAD' || to === from) {
    response.end()
    return
  }
  if ('bytes' in content) response.end(content.bytes.subarray(from, to))
  else await pipeline(partOf(content.path, from, to), response)
}

const partOf = (path: string, from: number, to: number): ReadStream =>
  createReadStream(path, { start: from, end: to - 1, highWaterMark: 256 * 1024 })

const isFresh = (request: IncomingMessage, etag: string): boolean =>
  (request.headers['if-none-match'] ?? '')
    .split(',')
    .map((one) => one.trim().replace(/^W\//, ''))
    .includes(etag)

const REASONS = {
  404: 'Not here.',
  405: 'Only GET and HEAD.',
  416: 'No such bytes.',
  500: 'This failed here; the operator of this page may try again.'
} as const

function refuse(response: ServerResponse, status: keyof typeof REASONS): void {
  const text = `${REASONS[status]}\n`
  for (const [name, value] of Object.entries(PLAIN_HEADERS)) response.setHeader(name, value)
  response.removeHeader('etag')
  response.setHeader('content-length', text.length)
  response.writeHead(status)
  response.end(response.req.method === 'HEAD' ? undefined : text)
}

/** The content of these models and of nothing else, as it lies where the registry has it. */
export function modelBlobsOf(
  models: () => readonly {
    readonly cid: Cid
    readonly manifestBytes: Uint8Array
    readonly blobs: readonly { readonly cid: Cid; readonly path: string }[]
  }[],
  sizeOf: (path: string) => Promise<number>
): PageServerPorts['modelBlob'] {
  return async (cid) => {
    for (const { cid: model, manifestBytes, blobs } of models()) {
      if (model === cid) return { bytes: manifestBytes, size: manifestBytes.length }
      const part = blobs.find((one) => one.cid === cid)
      if (part !== undefined) return { path: part.path, size: await sizeOf(part.path) }
    }
    return null
  }
}
