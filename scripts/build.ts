/**
 * Builds the package that is published: JavaScript and types in `dist/`, data files beside them.
 *
 * Node strips no types below `node_modules`, so what others install cannot be the sources. Every
 * door keeps its name. It publishes nothing, and it bundles two dependencies only: a package's
 * `overrides` count for nothing once it is installed by others, and the speech model would bring
 * half a gigabyte that nothing here loads, and WebRTC all of React Native.
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
import { bundlePage } from '#browser-node/build'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const DIST = join(ROOT, 'dist')
const FOLDERS = ['contracts', 'ledger', 'mesh-node', 'browser-node', 'control', 'sim', 'examples']
const PAGES = ['LICENSE', 'README.md', 'CHANGELOG.md']
/**
 * Carried by this package, with the dependencies of theirs that nothing here loads. npm installs none
 * of a carried package's dependencies, so what is left of them is named as ours.
 */
const BUNDLED: Readonly<Record<string, 'all' | readonly string[]>> = {
  '@libp2p/webrtc': ['react-native-webrtc'],
  '@moonshine-ai/moonshine-js': 'all'
}
/** What pages alone load: it is bundled into them when this package is built. */
const IN_PAGES = ['browser-level', 'onnxruntime-web', 'preact', 'uplot']
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

/** Copies a package into ours, and gives those of its dependencies that it needs there. */
function bundle(name: string, dropped: 'all' | readonly string[]): Manifest['dependencies'] {
  const copy = join(DIST, 'node_modules', name)
  const original = join(ROOT, 'node_modules', name)
  cpSync(original, copy, {
    recursive: true,
    filter: (path) => !path.slice(original.length).includes('node_modules')
  })
  const path = join(copy, 'package.json')
  const { dependencies, ...kept } = z
    .looseObject({ dependencies: z.record(z.string(), z.string()).default({}) })
    .parse(JSON.parse(readFileSync(path, 'utf8')))
  writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`)
  const needed = Object.entries(dependencies).filter(
    ([dependency]) => dropped !== 'all' && !dropped.includes(dependency)
  )
  return Object.fromEntries(needed)
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

function writeManifest(needed: Manifest['dependencies']): void {
  const own = MANIFEST.parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))
  const doors = Object.entries(own.imports).flatMap(([name, door]) => {
    const target = builtDoor(door)
    return target === undefined ? [] : [{ name, target }]
  })
  const main = doors.filter(({ name }) => name === MAIN_DOOR).map(({ target }) => ['.', target])
  const named = doors.map(({ name, target }) => [name.replace('#', './'), target])
  const installed = Object.entries({ ...needed, ...own.dependencies }).filter(
    ([name]) => !IN_PAGES.includes(name)
  )
  const manifest = {
    ...own,
    engines: ENGINES,
    imports: Object.fromEntries(doors.map(({ name, target }) => [name, target])),
    exports: Object.fromEntries([...main, ...named, ['./package.json', './package.json']]),
    dependencies: Object.fromEntries(installed),
    bundleDependencies: Object.keys(BUNDLED)
  }
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  for (const path of Object.values(own.bin)) chmodSync(join(DIST, path), 0o755)
}

/** The donate page as it is served: an installed package has nothing to bundle it with. */
async function addPage(): Promise<void> {
  const { dir } = await bundlePage()
  const copy = join(DIST, 'browser-node/bundle')
  cpSync(dir, copy, { recursive: true, filter: (path) => !path.endsWith('.map') })
}

rmSync(DIST, { recursive: true, force: true })
compile()
pointAddressesAtJavaScript()
copyData()
await addPage()
const needed = Object.entries(BUNDLED).map(([name, dropped]) => bundle(name, dropped))
writeManifest(Object.assign({}, ...needed))
console.log(`built ${namesBelow(DIST).length} files into dist/`)
