/** The simulator as a browser gets it: one module for a worker, the round trips, and an empty page. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import type { SeedHashes, SeedRange } from '../../../sim/portable/seed-hashes.ts'
import type { EntryBundle } from './bundle-entry.ts'

const root = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

export async function bundleSimulator(): Promise<EntryBundle> {
  const dir = mkdtempSync(join(tmpdir(), 'kora-sim-'))
  await build({
    entryPoints: [root('test/browser/support/sim-entry.ts')],
    outfile: join(dir, 'worker.js'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    logLevel: 'silent'
  })
  copyFileSync(root('sim/data/wondernetwork.bin.gz'), join(dir, 'wondernetwork.bin.gz'))
  // asked for by every browser, of every page
  writeFileSync(join(dir, 'favicon.ico'), '')
  writeFileSync(join(dir, 'index.html'), '<!doctype html><title>A simulator</title>')
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** Runs the seeds in a dedicated worker of the page. */
export function hashesInWorker(page: Page, range: SeedRange): Promise<readonly SeedHashes[]> {
  return page.evaluate(
    (asked) =>
      new Promise<readonly SeedHashes[]>((resolve, reject) => {
        const worker = new Worker('/worker.js', { type: 'module' })
        worker.onmessage = ({ data }) => {
          worker.terminate()
          resolve(data)
        }
        worker.onerror = ({ message }) => reject(new Error(message))
        worker.postMessage(asked)
      }),
    range
  )
}
