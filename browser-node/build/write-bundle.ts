/**
 * Runs esbuild over the entries of the tab and lays the files out flat: scripts and styles with
 * their hash in the name, documents that name them, and ONNX Runtime's own files in one folder.
 */
import { createHash } from 'node:crypto'
import { cpSync, linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import type { BuildOptions, Metafile } from 'esbuild'
import { RUNTIME_CONDITION, RUNTIME_FILES } from '../exec/assets.ts'
import { ownSources } from './own-sources.ts'
import { workerSources } from './point-at-assets.ts'
import { filesBelow, ROOT } from './source-files.ts'

const TAB = join(ROOT, 'browser-node')

const STYLE = join(TAB, 'page/style/page.css')

/** Each entry becomes `<name>-<hash>.js` or `.css`. */
const ENTRIES: Readonly<Record<string, string>> = {
  page: join(TAB, 'page/main.tsx'),
  frame: join(TAB, 'embed/frame-main.tsx'),
  verify: join(TAB, 'verify/main.tsx'),
  widget: join(TAB, 'embed/main.ts'),
  style: STYLE
}

/** Each document, with `{{name.js}}` where the name of an entry's file belongs. */
const DOCUMENTS: readonly string[] = ['page/index.html', 'embed/frame.html', 'verify/verify.html']

const COPIED: readonly string[] = ['page/icon.svg']

const OPTIONS = {
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  conditions: ['browser', RUNTIME_CONDITION],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  metafile: true,
  splitting: true,
  logLevel: 'silent',
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  absWorkingDir: ROOT,
  define: { 'process.env.NODE_ENV': '"production"' },
  // abstract-level asks for Node's emitter; libp2p brings one of the same shape for its queues
  alias: { events: 'eventemitter3' }
} satisfies BuildOptions

/** The product's page. */
export async function writeBundle(dir: string): Promise<void> {
  const outputs = await bundleInto(dir, ENTRIES)
  for (const path of DOCUMENTS) {
    writeFileSync(join(dir, basename(path)), filled(readFileSync(join(TAB, path), 'utf8'), outputs))
  }
  for (const path of COPIED) cpSync(join(TAB, path), join(dir, basename(path)))
  // other sites name this file, so its name stays
  writeFileSync(join(dir, 'embed.js'), `import './${outputs['widget.js']}'\n`)
}

/** Another module in the place of the page's own, in the page's document: what a test opens. */
export async function writeEntry(dir: string, entry: string): Promise<void> {
  const outputs = await bundleInto(dir, { page: entry, style: STYLE })
  const template = readFileSync(join(TAB, 'page/index.html'), 'utf8')
  writeFileSync(join(dir, 'index.html'), filled(template, outputs))
  for (const path of COPIED) cpSync(join(TAB, path), join(dir, basename(path)))
}

type Entries = Readonly<Record<string, string>>

/** Gives the name of each output by `<name of its entry>.<ending>`. */
async function bundleInto(dir: string, entries: Entries): Promise<Entries> {
  const { build } = await import('esbuild')
  const runtime = copyRuntime(dir)
  const workers = new Map<string, string>()
  const sources = [...filesBelow(TAB), ...Object.values(entries)]
  for (const source of workerSources([...new Set(sources)])) {
    const { metafile } = await build({
      ...OPTIONS,
      entryPoints: [source],
      outdir: dir,
      plugins: [ownSources({ workers: new Map(), runtime })]
    })
    workers.set(source, outputOf(metafile, source))
  }
  const { metafile } = await build({
    ...OPTIONS,
    entryPoints: Object.entries(entries).map(([out, input]) => ({ in: input, out })),
    outdir: dir,
    plugins: [ownSources({ workers, runtime })]
  })
  return Object.fromEntries(
    Object.entries(entries).map(([name, source]) => {
      const output = outputOf(metafile, source)
      return [`${name}${/\.[a-z]+$/.exec(output)?.[0] ?? ''}`, output]
    })
  )
}

function outputOf({ outputs }: Metafile, source: string): string {
  const wanted = relative(ROOT, source)
  const found = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === wanted)
  if (found === undefined) throw new Error(`esbuild wrote nothing for ${wanted}`)
  return basename(found[0])
}

function filled(template: string, outputs: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{([a-z.]+)\}\}/g, (_all, name: string) => {
    const output = outputs[name]
    if (output === undefined) throw new Error(`a document names ${name}, which is no entry`)
    return output
  })
}

/** ONNX Runtime fetches its own code by name, so the folder carries the hash. */
function copyRuntime(dir: string): string {
  const home = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'))
  const files = filesBelow(home).filter((path) => RUNTIME_FILES.includes(basename(path)))
  const hash = createHash('sha256')
  for (const path of files) hash.update(readFileSync(path))
  const name = `runtime-${hash.digest('hex').slice(0, 8).toUpperCase()}`
  mkdirSync(join(dir, name))
  for (const path of files) linkOrCopy(path, join(dir, name, basename(path)))
  return name
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    cpSync(from, to)
  }
}
