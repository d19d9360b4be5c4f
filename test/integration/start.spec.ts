/**
 * The two commands on a machine whose own Node is too old for the program.
 *
 * Runs copies of the shims over a made-up program, so that it says nothing about the program itself.
 */
import { equal, match } from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../bin', import.meta.url))
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))
/** Prints where it runs, then waits for a signal or for the word to end. */
const PROGRAM = `
process.once('SIGTERM', () => { console.log('stopped'); process.exit(7) })
console.log(JSON.stringify({ pid: process.pid, node: process.versions.node, argv: process.argv.slice(2) }))
if (process.argv[2] === 'wait') setInterval(() => {}, 1000)
else process.exitCode = 5
`

/** The first Node on the path, outside this project, that is too old to run the sources. */
function findOldNode(): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'))
  return places.find((place) => {
    if (place.includes('node_modules') || !existsSync(place)) return false
    const version = execFileSync(place, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    return Number(version.split('.')[0]) < 22
  })
}

describe('a command under a Node that is too old', () => {
  let folder: string
  let oldNode: string
  const started: ChildProcess[] = []

  before(function () {
    const found = findOldNode()
    // only a machine that has an older Node can show what happens under it
    if (found === undefined) return this.skip()
    oldNode = found
    folder = mkdtempSync(join(tmpdir(), 'kora-start-'))
    cpSync(BIN, join(folder, 'bin'), { recursive: true })
    mkdirSync(join(folder, 'control/cli'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'control/cli/main.ts'), PROGRAM)
  })

  beforeEach(() => {
    rmSync(join(folder, 'node_modules'), { force: true })
    symlinkSync(MODULES, join(folder, 'node_modules'))
  })

  after(() => {
    for (const child of started) child.kill('SIGKILL')
    if (folder !== undefined) rmSync(folder, { recursive: true })
  })

  function run(...words: readonly string[]): ChildProcess {
    const child = spawn(oldNode, [join(folder, 'bin/kora.js'), ...words], { stdio: 'pipe' })
    started.push(child)
    return child
  }

  it('hands over to the Node of the project, with its arguments and exit status', async () => {
    const child = run('plan', '--json')
    const [output] = await Promise.all([text(child), once(child, 'exit')])
    const { node, argv } = JSON.parse(output)
    equal(Number(node.split('.')[0]) >= 24, true)
    equal(argv.join(' '), 'plan --json')
    equal(child.exitCode, 5)
  })

  it('forwards a signal and lets the program end in its own way', async () => {
    const child = run('wait')
    const output = text(child)
    await once(child.stdout ?? child, 'data')
    child.kill('SIGTERM')
    await once(child, 'exit')
    match(await output, /stopped/)
    equal(child.exitCode, 7)
  })

  it('leaves no program behind when it is killed outright', async () => {
    const child = run('wait')
    const output = text(child)
    await once(child.stdout ?? child, 'data')
    child.kill('SIGKILL')
    // the pipe closes only when the program has ended too
    match(await output, /stopped/)
  })

  it('says which Node it needs where the project has none', async () => {
    rmSync(join(folder, 'node_modules'))
    const child = run('plan')
    const [complaint] = await Promise.all([text(child, 'stderr'), once(child, 'exit')])
    match(complaint, /^needs Node 22\.18 or later, this is \d+\.\S+: npm i -D node@24\n$/)
    equal(child.exitCode, 1)
  })
})

async function text(child: ChildProcess, of: 'stdout' | 'stderr' = 'stdout'): Promise<string> {
  let all = ''
  for await (const part of child[of] ?? []) all += String(part)
  return all
}
