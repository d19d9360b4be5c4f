/**
 * Starts a command under a Node that can run it.
 *
 * This Node serves if it is new enough; else the one that npm installed as the package `node`, found
 * by walking up from here, takes over with the same arguments, streams, signals and exit status.
 * Downloads nothing and guesses no other place.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The first Node that runs TypeScript as it stands and has what libp2p 3 needs. */
const NODE_MIN = [22, 18]
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR2']
/** A terminal sends these to both processes; without one they are forwarded. */
const FROM_TERMINAL = ['SIGINT', 'SIGQUIT']
/** Tells the second process that the first waits for it. */
const HANDED_OVER = 'KORA_HANDED_OVER'

/** `load` imports the command line that is wanted. */
export async function start(load) {
  if (isNewEnough(process.versions.node)) {
    endWithStarter()
    keepCompiled()
    await load()
    return
  }
  const node = findInstalledNode(dirname(fileURLToPath(import.meta.url)))
  if (node === undefined) {
    const wanted = NODE_MIN.join('.')
    console.error(
      `needs Node ${wanted} or later, this is ${process.versions.node}: npm i -D node@24`
    )
    process.exitCode = 1
    return
  }
  handOver(node)
}

/**
 * Compiled code is kept in the package's own folder: whoever may write there may change the program
 * itself, which is not so of the folder of temporary files. Where it cannot be written nothing is kept.
 */
function keepCompiled() {
  const folder = join(
    dirname(fileURLToPath(import.meta.url)),
    '../node_modules/.cache/kora-compiled'
  )
  nodeModule.enableCompileCache?.(folder)
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
}

function findInstalledNode(from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const node = join(folder, 'node_modules/node/bin/node')
    if (existsSync(node)) return node
    if (folder === dirname(folder)) return undefined
  }
}

function handOver(node) {
  const child = spawn(node, process.argv.slice(1), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [HANDED_OVER]: '1' }
  })
  const signals = process.stdin.isTTY ? FORWARDED : [...FORWARDED, ...FROM_TERMINAL]
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  if (process.stdin.isTTY) for (const signal of FROM_TERMINAL) process.on(signal, () => {})
  child.once('error', (error) => {
    console.error(`cannot start ${node}: ${error.message}`)
    process.exitCode = 1
  })
  child.once('exit', (code, signal) => {
    // a shell reports a signal as 128 and its number
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal]
  })
}

/** A starter that was killed outright forwards nothing: its end is then the signal to stop. */
function endWithStarter() {
  if (process.env[HANDED_OVER] === undefined) return
  delete process.env[HANDED_OVER]
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel?.unref()
}
