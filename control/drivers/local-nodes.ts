/**
 * Starts `krako-node` processes on this machine for one control node, and stops them again. They
 * are the same program that an operator starts, in processes of their own; nothing is shared with
 * them but loopback. Leaves none behind: a node whose IPC channel closes drains and ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { MeshError, type PeerId, parsePeerId } from '#contracts'
import { keyFile, openKeyFile } from '#mesh-node'

export interface LocalNodesOptions {
  readonly count: number
  /** The mesh's genesis file; nodes check it against nothing else, since it is this operator's. */
  readonly genesisFile: string
  readonly bootstrap: readonly string[]
  /** Each node keeps its key, models and log in a folder of its own below this one. */
  readonly dataRoot: string
  /** The key of a node by its number from 0, where its folder has none yet; absent: it draws its own. */
  readonly seedOf?: (index: number) => Uint8Array
  /** Flags for one node, by its number from 0: a drill, a limit. */
  readonly flags?: (index: number) => readonly string[]
  readonly onLog?: (index: number, line: string) => void
}

export interface LocalNode {
  readonly index: number
  readonly pid: number
  readonly peerId: PeerId
  /** Ends the process at once, as a crash would. */
  kill(): void
  readonly exited: Promise<number | null>
}

export interface LocalNodes {
  readonly nodes: readonly LocalNode[]
  stop(): Promise<void>
}

/** Starting on two busy cores takes about two seconds; this is far beyond. */
const READY_MS_MAX = 60_000
/** A node that is told to stop hands back what takes longer. */
const DRAIN_GRACE_MS = 2_000
/** What a node gets to hand back its leases before it is killed. */
const STOP_MS_MAX = 5_000

const COMMAND = fileURLToPath(new URL('../../bin/krako-node.js', import.meta.url))

/** Starts `count` nodes and waits until each has said that it is ready. */
export async function startLocalNodes(options: LocalNodesOptions): Promise<LocalNodes> {
  const started: { child: ChildProcess; ready: Promise<LocalNode> }[] = []
  for (let index = 0; index < options.count; index++) started.push(startOne(options, index))
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(({ child }) => stopOne(child)))
  }
  try {
    const nodes = await Promise.all(started.map(({ ready }) => ready))
    return { nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function startOne(
  options: LocalNodesOptions,
  index: number
): { child: ChildProcess; ready: Promise<LocalNode> } {
  const data = join(options.dataRoot, `node-${index + 1}`)
  if (options.seedOf !== undefined) openKeyFile(keyFile(data), options.seedOf(index))
  const args = [
    COMMAND,
    'start',
    '--json',
    '--mesh',
    options.genesisFile,
    '--data',
    data,
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
    '--pod',
    '--drain-grace-ms',
    String(DRAIN_GRACE_MS),
    ...options.bootstrap.flatMap((address) => ['--bootstrap', address]),
    ...(options.flags?.(index) ?? [])
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const tail: string[] = []
  if (child.stderr !== null)
    createInterface({ input: child.stderr }).on('line', (line) => {
      tail.push(line)
      if (tail.length > 20) tail.shift()
      options.onLog?.(index, line)
    })
  return { child, ready: readiness(child, index, tail) }
}

/** Settles with the node's first `ready` line, or with what it said before it ended. */
function readiness(
  child: ChildProcess,
  index: number,
  tail: readonly string[]
): Promise<LocalNode> {
  const { promise, resolve, reject } = Promise.withResolvers<LocalNode>()
  const exited = new Promise<number | null>((settle) => child.once('exit', settle))
  const late = setTimeout(() => fail('not ready in time'), READY_MS_MAX)
  const fail = (reason: string): void => {
    clearTimeout(late)
    reject(
      new MeshError('net.local_node_failed', {
        node: index + 1,
        reason,
        said: tail.slice(-3).join(' | ')
      })
    )
  }
  child.once('error', (error) => fail(error.message))
  void exited.then((code) => fail(`ended with ${code}`))
  if (child.stdout === null) return Promise.reject(new Error('no output to read'))
  createInterface({ input: child.stdout }).on('line', (line) => {
    const peerId = readyPeer(line)
    if (peerId === null) return
    clearTimeout(late)
    resolve({ index, pid: child.pid ?? 0, peerId, exited, kill: () => void child.kill('SIGKILL') })
  })
  return promise
}

function readyPeer(line: string): PeerId | null {
  try {
    const said: { event?: unknown; peer_id?: unknown } = JSON.parse(line)
    return said.event === 'ready' && typeof said.peer_id === 'string'
      ? parsePeerId(said.peer_id)
      : null
  } catch {
    return null
  }
}

async function stopOne(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise<void>((settle) => child.once('exit', () => settle()))
  child.kill('SIGTERM')
  const late = setTimeout(() => void child.kill('SIGKILL'), STOP_MS_MAX)
  await exited
  clearTimeout(late)
}
