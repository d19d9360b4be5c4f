/**
 * Builds the package that is published: JavaScript and types in `dist/`, data files beside them.
 *
 * Node strips no types below `node_modules`, so what others install cannot be the sources. Every
 * door keeps its name. It publishes nothing, and it bundles one dependency only: a package's
 * `overrides` count for nothing once it is installed by others, and the speech model would bring
 * half a gigabyte that nothing here loads.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const DIST = join(ROOT, 'dist')
const FOLDERS = ['contracts', 'ledger', 'mesh-node', 'browser-node', 'control', 'sim', 'examples']
const PAGES = ['LICENSE', 'README.md', 'CHANGELOG.md']
/** Installed with this package, so that none of its own dependencies is. */
const BUNDLED = '@moonshine-ai/moonshine-js'
/** A checkout brings its own Node, and serves from 20 on; what is installed runs on the user's. */
const ENGINES = { node: '>=22.18' }
/** What an application gets from `import ... from 'kora-mesh'`. */
const MAIN_DOOR = '#control'

const MANIFEST = z.object({
  name: z.string(),
  version: z.string(),
  description: z.string(),
  license: z.string(),
  type: z.string(),
  bin: z.record(z.string(), z.string()),
  imports: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])),
  dependencies: z.record(z.string(), z.string())
})

type Manifest = z.infer<typeof MANIFEST>
type Door = Manifest['imports'][string]

function compile(): void {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: 'inherit'
  })
}

function namesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
}

/** The compiler follows imports; the address of a child process or a worker is only a string. */
function pointAddressesAtJavaScript(): void {
  const address = /new URL\((['"])(\.[^'"]+)\.ts\1,\s*import\.meta\.url\)/g
  for (const path of namesBelow(DIST)) {
    if (!path.endsWith('.js')) continue
    const written = readFileSync(path, 'utf8')
    const pointed = written.replace(address, 'new URL($1$2.js$1, import.meta.url)')
    if (pointed !== written) writeFileSync(path, pointed)
  }
}

function copyData(): void {
  for (const path of FOLDERS.flatMap((folder) => namesBelow(join(ROOT, folder)))) {
    if (/\.tsx?$/.test(path)) continue
    const copy = join(DIST, path.slice(ROOT.length))
    mkdirSync(dirname(copy), { recursive: true })
    cpSync(path, copy)
  }
  for (const page of PAGES) {
    if (existsSync(join(ROOT, page))) cpSync(join(ROOT, page), join(DIST, page))
  }
}

function bundle(): void {
  const copy = join(DIST, 'node_modules', BUNDLED)
  const original = join(ROOT, 'node_modules', BUNDLED)
  cpSync(original, copy, {
    recursive: true,
    filter: (path) => !path.slice(original.length).includes('node_modules')
  })
  const path = join(copy, 'package.json')
  const { dependencies: _dropped, ...kept } = z
    .looseObject({ dependencies: z.unknown() })
    .parse(JSON.parse(readFileSync(path, 'utf8')))
  writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`)
}

const built = (path: string): string => path.replace(/\.ts$/, '.js')

/** A door of the built package, or nothing where its folder has no sources yet. */
function builtDoor(door: Door): Door | undefined {
  const paths = typeof door === 'string' ? [door] : Object.values(door)
  if (!paths.every((path) => existsSync(join(DIST, built(path))))) return undefined
  if (typeof door === 'string') return built(door)
  return Object.fromEntries(
    Object.entries(door).map(([condition, path]) => [condition, built(path)])
  )
}

function writeManifest(): void {
  const own = MANIFEST.parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))
  const doors = Object.entries(own.imports).flatMap(([name, door]) => {
    const target = builtDoor(door)
    return target === undefined ? [] : [{ name, target }]
  })
  const main = doors.filter(({ name }) => name === MAIN_DOOR).map(({ target }) => ['.', target])
  const named = doors.map(({ name, target }) => [name.replace('#', './'), target])
  const manifest = {
    ...own,
    engines: ENGINES,
    imports: Object.fromEntries(doors.map(({ name, target }) => [name, target])),
    exports: Object.fromEntries([...main, ...named, ['./package.json', './package.json']]),
    bundleDependencies: [BUNDLED]
  }
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  for (const path of Object.values(own.bin)) chmodSync(join(DIST, path), 0o755)
}

rmSync(DIST, { recursive: true, force: true })
compile()
pointAddressesAtJavaScript()
copyData()
bundle()
writeManifest()
console.log(`built ${namesBelow(DIST).length} files into dist/`)
