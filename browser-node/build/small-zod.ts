/**
 * Brings in of zod what is used, and its error texts in English alone. `import { z }` takes the
 * whole library as one object, two thirds of it texts in fifty languages; a namespace is shaken.
 */
import { readFileSync } from 'node:fs'
import type { Plugin } from 'esbuild'

/** As zod's own modules name the list of their languages. */
const LANGUAGES = /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/
const OWN_IMPORT = /^import \{ z \} from 'zod'$/m

/** For a source of ours; any other text comes back as it was. */
export const withZodAsNamespace = (source: string): string =>
  source.replace(OWN_IMPORT, "import * as z from 'zod'")

export const smallZod: Plugin = {
  name: 'small-zod',
  setup(build) {
    build.onLoad({ filter: LANGUAGES }, () => ({
      contents: "export { default as en } from './en.js'\n",
      loader: 'js'
    }))
    build.onLoad({ filter: /[\\/](contracts|ledger|mesh-node)[\\/].*\.ts$/ }, ({ path }) => ({
      contents: withZodAsNamespace(readFileSync(path, 'utf8')),
      loader: 'ts'
    }))
  }
}
