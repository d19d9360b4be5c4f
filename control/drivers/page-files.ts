/**
 * The files of the donate page as a table, read once: a path that is not in it does not exist, so no
 * path of a request ever reaches the disk. Compresses each file at most once. Serves nothing.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { MeshError, PAGE_FILES_MAX } from '#contracts'

const compress = promisify(gzip)
/** What shrinks by compression; the rest is compressed already or small. */
const COMPRESSIBLE = /\.(?:html|js|mjs|css|json|svg|wasm)$/
const DOCUMENT = 'index.html'

export interface PageFile {
  /** Below the folder, with forward slashes. */
  readonly path: string
  readonly etag: string
  readonly size: number
  bytes(): Promise<Uint8Array>
  /** Null where compression gains nothing. */
  gzipped(): Promise<Uint8Array> | null
}

export class PageFiles {
  readonly #files: ReadonlyMap<string, PageFile>

  private constructor(files: ReadonlyMap<string, PageFile>) {
    this.#files = files
  }

  /** Throws `page.unavailable` where the folder is no page. */
  static async read(dir: string): Promise<PageFiles> {
    const files = new Map<string, PageFile>()
    const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(
      (cause: unknown) => {
        throw new MeshError('page.unavailable', { folder: dir, reason: 'not readable' }, { cause })
      }
    )
    for (const entry of entries) {
      if (!entry.isFile()) continue
      if (files.size >= PAGE_FILES_MAX) {
        throw new MeshError('page.unavailable', { folder: dir, filesMax: PAGE_FILES_MAX })
      }
      const path = relative(dir, join(entry.parentPath, entry.name)).split(sep).join('/')
      files.set(path, await fileOf(dir, path))
    }
    if (files.has(DOCUMENT)) return new PageFiles(files)
    throw new MeshError('page.unavailable', { folder: dir, reason: `no ${DOCUMENT}` })
  }

  /** By the path of a URL: `/`, `/verify.html`. */
  find(urlPath: string): PageFile | undefined {
    return this.#files.get(urlPath === '/' ? DOCUMENT : urlPath.slice(1))
  }
}

/** Hashed once, not kept: the runtime's files are tens of megabytes. */
async function fileOf(dir: string, path: string): Promise<PageFile> {
  const bytes = async (): Promise<Uint8Array> => readFile(join(dir, path))
  const content = await bytes()
  const digest = createHash('sha256').update(content).digest('base64url')
  let squeezed: Promise<Uint8Array> | null = null
  return {
    path,
    etag: `"${digest}"`,
    size: content.length,
    bytes,
    gzipped: () => {
      if (!COMPRESSIBLE.test(path)) return null
      squeezed ??= bytes().then((plain) => compress(plain))
      return squeezed
    }
  }
}
