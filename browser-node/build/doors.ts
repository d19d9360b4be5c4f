/**
 * Lets a bundle take from a door what it uses: our modules do nothing when they are loaded, so what
 * nobody names is left out, and what only a later part names is loaded with that part.
 */
import type { Plugin } from 'esbuild'

const DOOR = /^#(contracts|ledger|mesh-node)/

export const doors: Plugin = {
  name: 'doors',
  setup(build) {
    build.onResolve({ filter: DOOR }, async ({ path, kind, resolveDir, importer, pluginData }) => {
      if (pluginData === 'resolved') return null
      const found = await build.resolve(path, { kind, resolveDir, importer, pluginData: 'resolved' })
      return found.errors.length > 0 ? found : { path: found.path, sideEffects: false }
    })
  }
}
