/**
 * Runs seeds of the swarm in Node 22, in Node 24 and in a worker of Chromium, and compares what they
 * leave: `npm run sim:portable -- [seeds] [from]`. Node 22 is fetched by npm when it is first asked for.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { firstDifferent, type SeedHashes, type SeedRange } from '../sim/portable/seed-hashes.ts'
import { openBrowser } from '../test/browser/support/open-browser.ts'
import { bundleSimulator, hashesInWorker } from '../test/browser/support/sim-browser.ts'
import { startStaticServer } from '../test/browser/support/static-server.ts'

const NODE_22 = 'node@22.23.3'
const CHILD = fileURLToPath(new URL('../sim/portable/child.ts', import.meta.url))
const BYTES_MAX = 16 * 1024 * 1024

const [seeds = 50, from = 1] = process.argv.slice(2).map(Number)
const range: SeedRange = { from, seeds }

function inNode(command: string, words: readonly string[]): readonly SeedHashes[] {
  const { status, stdout, stderr, error } = spawnSync(
    command,
    [...words, CHILD, String(from), String(seeds)],
    { encoding: 'utf8', maxBuffer: BYTES_MAX }
  )
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

async function inChromium(): Promise<readonly SeedHashes[]> {
  const { dir, remove } = await bundleSimulator()
  const server = await startStaticServer({ folders: [dir] })
  const browser = await openBrowser()
  try {
    return await hashesInWorker(await browser.open(server.url), range)
  } finally {
    await browser.close()
    await server.close()
    remove()
  }
}

const NPM = ['exec', '--yes', '--loglevel=error', `--package=${NODE_22}`, '--', 'node']
const machines: Readonly<
  Record<string, () => readonly SeedHashes[] | Promise<readonly SeedHashes[]>>
> = {
  'Node 24': () => inNode(process.execPath, []),
  'Node 22': () => inNode('npm', NPM),
  Chromium: inChromium
}
let first: readonly SeedHashes[] | null = null
for (const [name, run] of Object.entries(machines)) {
  const hashes = await run()
  first ??= hashes
  const different = firstDifferent(first, hashes)
  const events = hashes.reduce((sum, one) => sum + one.events, 0)
  if (different !== null) throw new Error(`${name} differs from Node 24 on seed ${different}`)
  console.log(`${name}: ${hashes.length} seeds, ${events} events, the same`)
}
