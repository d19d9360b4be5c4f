/**
 * Brings in of zod what is used, and its error texts in English alone. `import { z }` takes the
 * whole library as one object, two thirds of it texts in fifty languages; a namespace is shaken.
 */

/** Where zod's modules have the list of their languages, and what stands there in a bundle. */
export const LANGUAGES = /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/
export const ENGLISH_ALONE = "export { default as en } from './en.js'\n"

const OWN_IMPORT = /^import \{ z \} from 'zod'$/m

/** For a source of ours; any other text comes back as it was. */
export const withZodAsNamespace = (source: string): string =>
  source.replace(OWN_IMPORT, "import * as z from 'zod'")
