/**
 * Hosts on loopback for tests: made with fixed keys, stopped together. Waits on conditions with a
 * deadline, never for a fixed time.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNetwork, type MeshNetwork, type NodeNetworkOptions } from '#mesh-node'
import { MESH, seed } from './mesh-fixtures.ts'

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

/** Everything a test starts, ended in reverse order by `endAll`. */
export class Started {
  readonly #ends: (() => Promise<unknown>)[] = []

  add<T>(thing: T, end: (thing: T) => Promise<unknown>): T {
    this.#ends.push(() => end(thing))
    return thing
  }

  async host(fill: number, options: Partial<NodeNetworkOptions> = {}): Promise<MeshNetwork> {
    const network = await createNetwork({
      seed: seed(fill),
      mesh: MESH,
      listen: [LOOPBACK],
      ...options
    })
    return this.add(network, (one) => one.stop())
  }

  /** A child process that runs a script of this folder and answers messages. */
  async child(script: string, ...given: string[]): Promise<TestChild> {
    const child = new TestChild(
      fork(new URL(script, import.meta.url), given, { stdio: ['ignore', 2, 2, 'ipc'] })
    )
    return this.add(child, (one) => one.kill())
  }

  async folder(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'kora-test-'))
    return this.add(dir, (one) => rm(one, { recursive: true, force: true }))
  }

  async endAll(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await end()
  }
}

/** A process that starts on a machine with much to do. */
const CHILD_MS_MAX = 60_000

export class TestChild {
  readonly #process: ChildProcess
  readonly #messages: unknown[] = []

  constructor(process: ChildProcess) {
    this.#process = process
    process.on('message', (message) => this.#messages.push(message))
  }

  send(message: object): void {
    this.#process.send(message)
  }

  /** The next message from the child, in order. */
  async next(what = 'a message from the child'): Promise<unknown> {
    await until(() => this.#messages.length > 0, what, CHILD_MS_MAX)
    return this.#messages.shift()
  }

  /** As a machine that sleeps: the sockets stay, nobody answers. */
  pause(): void {
    this.#process.kill('SIGSTOP')
  }

  /** SIGKILL, as a crash. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}

/** Resolves when the condition holds; rejects when it does not in time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 10_000
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Bytes that are the same in every run and do not compress or repeat within 64 KiB. */
export function drawnBytes(length: number, start = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  const words = new Uint32Array(bytes.buffer, 0, length >>> 2)
  let state = start >>> 0 || 1
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  for (let index = words.length * 4; index < length; index++) bytes[index] = index
  return bytes
}
