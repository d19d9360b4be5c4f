/**
 * Puts the donate page, the receipt checker and the embeddable element into one folder of static
 * files, named by their content, that any server can hand out with `pageHeaders`.
 *
 * From a checkout it bundles once per content of its inputs and keeps the outcome; the published
 * package carries the outcome. It serves nothing and watches nothing.
 */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUNDLED_FOLDERS, filesBelow, ROOT } from './source-files.ts'
import { writeBundle } from './write-bundle.ts'

export interface PageBundle {
  /** Holds `index.html`, `verify.html`, `frame.html`, `embed.js` and what they load. */
  readonly dir: string
}

/** Where the published package has it. */
const BUILT = fileURLToPath(new URL('../bundle', import.meta.url))
/** What else decides the outcome. */
const LOCK = join(ROOT, 'package-lock.json')

export async function bundlePage(): Promise<PageBundle> {
  if (existsSync(join(BUILT, 'index.html'))) return { dir: BUILT }
  const cache = cacheFolder()
  const dir = join(cache, inputsHash())
  if (existsSync(dir)) {
    const now = new Date()
    utimesSync(dir, now, now)
    return { dir }
  }
  removeOld(cache)
  const made = mkdtempSync(join(cache, 'making-'))
  try {
    await writeBundle(made)
    // another process may have been faster with the same content
    if (!existsSync(dir)) renameSync(made, dir)
  } catch (error) {
    if (!existsSync(dir)) throw error
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
  return { dir }
}

/** Beside the one that is to come. */
const KEPT = 1
/** Asked for, or begun, so shortly ago that another process still reads or writes it. */
const YOUNG_MS = 10 * 60 * 1000

/**
 * Each holds some megabytes, and every change of a source makes another. A page that is served for
 * hours from a checkout whose sources change twice meanwhile loses its bundle: start it again.
 */
function removeOld(cache: string): void {
  const all = readdirSync(cache).map((name) => {
    const path = join(cache, name)
    return { path, usedMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }
  })
  const rest = all.sort((a, b) => b.usedMs - a.usedMs).slice(KEPT)
  for (const { path, usedMs } of rest) {
    if (Date.now() - usedMs > YOUNG_MS) rmSync(path, { recursive: true, force: true })
  }
}

function inputsHash(): string {
  const hash = createHash('sha256').update(readFileSync(LOCK))
  for (const path of BUNDLED_FOLDERS.flatMap(filesBelow)) {
    hash.update(path.slice(ROOT.length)).update('\0').update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex').slice(0, 24)
}

/** Beside the packages where one may write, else among the user's temporary files. */
function cacheFolder(): string {
  for (const above of [join(ROOT, 'node_modules/.cache'), tmpdir()]) {
    try {
      return madeFolder(join(above, 'kora-page'))
    } catch {
      // read-only: the next one
    }
  }
  return mkdtempSync(join(tmpdir(), 'kora-page-'))
}

function madeFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  rmSync(mkdtempSync(join(path, 'probe-')), { recursive: true })
  return path
}
