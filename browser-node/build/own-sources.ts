/**
 * How esbuild reads the sources of the house: past their doors, with addresses that hold in the
 * bundle, and as modules that may be left out, since none does anything when it is loaded.
 */
import { readFileSync } from 'node:fs'
import { sep } from 'node:path'
import type { Plugin } from 'esbuild'
import { Doors } from './doors.ts'
import { type Assets, pointedAtAssets, TAB_SOURCES } from './point-at-assets.ts'
import { ENGLISH_ALONE, LANGUAGES, withZodAsNamespace } from './small-zod.ts'
import { BUNDLED_FOLDERS } from './source-files.ts'

const OWN = /[\\/](browser-node|contracts|ledger|mesh-node|test[\\/]browser)[\\/].*\.tsx?$/

const isOurs = (folder: string): boolean =>
  BUNDLED_FOLDERS.some((ours) => `${folder}${sep}`.startsWith(`${ours}${sep}`))

export function ownSources(assets: Assets): Plugin {
  const doors = new Doors()
  return {
    name: 'own-sources',
    setup(build) {
      build.onLoad({ filter: LANGUAGES }, () => ({ contents: ENGLISH_ALONE, loader: 'js' }))
      build.onLoad({ filter: OWN }, ({ path }) => {
        const text = doors.passed(withZodAsNamespace(readFileSync(path, 'utf8')))
        return {
          contents: TAB_SOURCES.test(path) ? pointedAtAssets(text, path, assets) : text,
          loader: path.endsWith('x') ? 'tsx' : 'ts'
        }
      })
      build.onResolve({ filter: /^[#./]/ }, async (asked) => {
        const { path, kind, resolveDir, importer, pluginData } = asked
        if (pluginData === 'resolved' || kind === 'entry-point' || !isOurs(resolveDir)) return null
        const again = { kind, resolveDir, importer, pluginData: 'resolved' }
        const found = await build.resolve(path, again)
        return found.errors.length > 0 ? found : { path: found.path, sideEffects: false }
      })
    }
  }
}
