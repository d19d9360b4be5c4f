/**
 * Turns addresses in the sources into addresses of the bundle.
 *
 * `new URL('./worker.ts', import.meta.url)` comes to name the bundled worker, and
 * `new URL('./runtime/', import.meta.url)` the folder with ONNX Runtime's files: esbuild leaves
 * both as they stand. An address that it cannot place is an error, never a dead link.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Assets {
  /** From a worker's source to its file in the bundle. */
  readonly workers: ReadonlyMap<string, string>
  /** The folder of ONNX Runtime's files in the bundle. */
  readonly runtime: string
}

const ADDRESS = /new URL\(\s*(['"])(\.\.?\/[^'"]+)\1,\s*import\.meta\.url\s*\)/g
const RUNTIME = './runtime/'
/** The scripts of the build and its own addresses belong to Node. */
export const TAB_SOURCES = /(browser-node|test[\\/]browser)[\\/].*\.tsx?$/
const BUILD_SCRIPTS = /browser-node[\\/]build[\\/]/

/** Every module that some other module of the tab names by address. */
export function workerSources(paths: readonly string[]): readonly string[] {
  const found = paths
    .filter((path) => TAB_SOURCES.test(path) && !BUILD_SCRIPTS.test(path))
    .flatMap((path) => {
      const addresses = [...readFileSync(path, 'utf8').matchAll(ADDRESS)]
      return addresses.flatMap(([, , address = '']) =>
        /\.tsx?$/.test(address) ? [join(dirname(path), address)] : []
      )
    })
  return [...new Set(found)]
}

/** The source at `path` with its addresses as they are in the bundle. */
export function pointedAtAssets(
  source: string,
  path: string,
  { workers, runtime }: Assets
): string {
  return source.replace(ADDRESS, (_all, _quote, address: string) => {
    const target = address === RUNTIME ? `${runtime}/` : workers.get(join(dirname(path), address))
    if (target === undefined) throw new Error(`${path} names ${address}, which is not bundled`)
    return `new URL('./${target}', import.meta.url)`
  })
}
